import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.server.storage.sqlite_files import count_events, event, start_python, unit

from tokenward.server.storage.sqlite import open_sqlite

WRITE = """
import asyncio, sys
from pathlib import Path
from tests.server.storage.sqlite_files import event, unit
from tokenward.server.storage.sqlite import open_sqlite
async def write(storage):
    while True:
        add = storage.revocations.add("session", "x", 0, "test", 0)
        outcome = await storage.apply(unit(event(), add, storage.accounts.raise_cutoff("usr_x")))
        print(outcome.integer(1), flush=True)
async def main():
    storage = await open_sqlite(Path(sys.argv[1]), exclusive=True)
    await asyncio.gather(*(write(storage) for _ in range(8)))
asyncio.run(main())
"""
HALF = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 10")
connection.execute("BEGIN IMMEDIATE")
for number in range(500):
    connection.execute(
        "INSERT INTO audit (at, event, actor, subject, sid, request_id, detail) VALUES (0, ?, '', '', '', '', '{}')",
        ("x" * 4000,),
    )
print("half way", flush=True)
sys.stdin.readline()
"""


def make_account(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO accounts (sub, email, email_folded, name, roles, cutoff, personal_key_wrapped, created_at,"
            " updated_at) VALUES ('usr_x', 'a@b', 'a@b', '', '[]', 0, x'00', 0, 0)"
        )


async def test_killed_at_random_moments_nothing_answered_is_lost_and_no_unit_is_half_done(path: Path) -> None:
    make_account(path)
    for _ in range(6):
        with start_python(WRITE, str(path)) as process:
            assert process.stdout is not None
            answered = int(process.stdout.readline())
            time.sleep(random.uniform(0, 0.1))  # noqa: S311, ASYNC251
            process.send_signal(signal.SIGKILL)
            *whole_lines, _ = process.stdout.read().split("\n")
            answered = max(answered, *(int(line) for line in ["0", *whole_lines]))
        storage = await open_sqlite(path, exclusive=True)
        head = (await storage.position()).n
        account = await storage.accounts.find("usr_x")
        records = await storage.revocations.after(0, 1_000_000)
        await storage.close()
        assert head >= answered
        assert account is not None
        assert account.cutoff == head
        assert [record.n for record in records] == list(range(1, head + 1))
        assert count_events(path) == head


async def test_killed_in_the_middle_of_its_transaction_a_process_leaves_no_trace(path: Path) -> None:
    storage = await open_sqlite(path, exclusive=True)
    with start_python(HALF, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half way\n"
        process.send_signal(signal.SIGKILL)
    assert (await storage.apply(unit(event("after")))).applied
    assert [record.event for record in await storage.audit.page(0, 1000)] == ["after"]
    await storage.close()
    assert count_events(path) == 1
