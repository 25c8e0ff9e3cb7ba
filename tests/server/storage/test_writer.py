import asyncio
import resource
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.server.storage.sqlite_files import (
    count_events,
    event,
    group_behind,
    start_python,
    unit,
    wait_in_writer,
    write_lock,
    writer_on,
)

from tokenward.errors import StorageUnavailable
from tokenward.server.storage.sqlite import SQLiteStorage
from tokenward.server.storage.sqlite_writer import SQLiteWriter
from tokenward.server.storage.units import Change, Outcome


@contextmanager
def no_file_may_grow_beyond(size: int) -> Iterator[None]:
    """Writes beyond `size` fail with an error of input and output, as a broken disk's do."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def log_size(path: Path) -> int:
    return path.with_name(path.name + "-wal").stat().st_size


async def test_units_that_wait_together_share_one_commit(path: Path) -> None:
    """Between two commits the change counter of a second connection moves by one."""
    writer = writer_on(path)
    with closing(sqlite3.connect(path)) as watching:
        version = "PRAGMA data_version"
        await writer.submit(unit(event()))
        ((before,),) = watching.execute(version).fetchall()
        logged = log_size(path)
        outcomes = await group_behind(path, writer, [unit(event("grouped")) for _ in range(200)])
        ((after,),) = watching.execute(version).fetchall()
    assert all(isinstance(outcome, Outcome) and outcome.applied for outcome in outcomes)
    assert after != before
    # 202 commits of their own would have written at least 2 pages each.
    assert log_size(path) - logged < 202 * 2 * 4096 / 3
    await writer.close()


async def test_a_refused_unit_takes_nothing_of_its_group_with_it(path: Path) -> None:
    writer = writer_on(path)
    refused = unit(event("undone"), Change("sessions.end", {"sid": bytes(16), "ended_at": 0}, 1))
    broken = unit(event("undone"), Change("audit.add", {"at": 0}, 1))
    units = [unit(event()), refused, unit(event()), broken, unit(event())]
    outcomes = await group_behind(path, writer, units)
    assert [isinstance(one, Outcome) and one.applied for one in outcomes] == [True, False, True, False, True]
    assert count_events(path) == 1 + 3
    await writer.close()


async def test_a_full_disk_fails_the_whole_group_and_the_writer_lives_on(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        ((pages,),) = connection.execute("PRAGMA page_count").fetchall()
    writer = writer_on(path, f"max_page_count = {pages + 3}")
    large = unit(event("x" * 100_000))
    outcomes = await group_behind(path, writer, [unit(event()), large, unit(event())])
    assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    assert all("SQLITE_FULL" in repr(outcome) for outcome in outcomes)
    assert count_events(path) == 1
    assert (await writer.submit(unit(event()))).applied
    assert count_events(path) == 2
    await writer.close()


async def test_a_commit_that_fails_fails_the_whole_group_and_the_writer_lives_on(path: Path) -> None:
    writer = writer_on(path)
    await writer.submit(unit(event()))
    with write_lock(path):
        first = await wait_in_writer(writer)
        futures = [writer.submit(unit(event(f"lost {number}"))) for number in range(20)]
        # The changes stay in the cache of pages until the commit writes them to the log.
        limit = no_file_may_grow_beyond(log_size(path))
        limit.__enter__()
    outcomes = await asyncio.gather(first, *futures, return_exceptions=True)
    limit.__exit__(None, None, None)
    assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    assert all("SQLITE_IOERR" in repr(outcome) for outcome in outcomes)
    assert count_events(path) == 1
    assert (await writer.submit(unit(event()))).applied
    await writer.close()
    assert count_events(path) == 2


async def test_a_database_that_stays_busy_is_unavailable_until_it_is_free(path: Path) -> None:
    writer = writer_on(path, "busy_timeout = 50")
    with write_lock(path), pytest.raises(StorageUnavailable) as caught:
        await writer.submit(unit(event()))
    assert "SQLITE_BUSY" in caught.value.reason
    assert (await writer.submit(unit(event()))).applied
    assert count_events(path) == 1
    await writer.close()


async def test_reads_go_on_while_another_process_writes(storage: SQLiteStorage, path: Path) -> None:
    await storage.apply(unit(event("before")))
    with write_lock(path) as other:
        other.execute("DELETE FROM audit")
        assert [record.event for record in await storage.audit.page(0, 10)] == ["before"]
        assert await storage.position()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_fault_of_the_program_that_ends_the_thread_leaves_nobody_waiting(path: Path) -> None:
    writer = writer_on(path)
    outcomes = await group_behind(path, writer, [unit(event()), None, unit(event())])  # type: ignore[list-item]
    assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    with pytest.raises(StorageUnavailable):
        await writer.submit(unit(event()))
    await writer.close()
    # The warning of the dead thread belongs to this test, which expects it.
    for thread in threading.enumerate():
        if thread.name == "tokenward-writer":
            thread.join()
    assert count_events(path) == 1


async def test_what_is_queued_when_the_thread_ends_is_answered_too(path: Path) -> None:
    connection = sqlite3.connect(path, check_same_thread=False)
    writer = SQLiteWriter(connection, asyncio.get_running_loop())
    connection.close()
    futures = [writer.submit(unit(event())) for _ in range(3)]
    outcomes = await asyncio.gather(*futures, return_exceptions=True)
    assert all(isinstance(outcome, StorageUnavailable) for outcome in outcomes)
    await writer.close()


def test_a_loop_that_is_gone_before_the_commit_disturbs_nothing(path: Path) -> None:
    code = """
import asyncio, sys
from pathlib import Path
from tokenward.server.storage.sqlite import open_sqlite
from tests.server.storage.sqlite_files import event, unit, write_lock
async def main():
    storage = await open_sqlite(Path(sys.argv[1]), exclusive=True)
    waiting = [asyncio.ensure_future(storage.apply(unit(event()))) for _ in range(10)]
    await asyncio.sleep(0.01)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    return storage
with write_lock(Path(sys.argv[1])):
    storage = asyncio.run(main())
import time
time.sleep(0.5)
"""
    with start_python(code, str(path)) as process:
        process.communicate()
    assert process.returncode == 0
    assert count_events(path) == 10
