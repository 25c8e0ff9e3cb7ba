import signal
import sqlite3
import stat
from pathlib import Path

import pytest
from tests.server.storage.sqlite_files import start_python

from tokenward.errors import ConfigurationError, StorageUnavailable
from tokenward.server.storage.errors import StorageInUse
from tokenward.server.storage.migrate import migrate
from tokenward.server.storage.sqlite import SQLiteStorage, open_sqlite

HOLD = """
import asyncio, sys
from pathlib import Path
from tokenward.server.storage.sqlite import open_sqlite
async def main():
    storage = await open_sqlite(Path(sys.argv[1]), exclusive=True)
    print("held", flush=True)
    sys.stdin.readline()
    await storage.close()
asyncio.run(main())
"""


async def test_a_second_serving_process_is_refused_and_told_what_to_do(path: Path) -> None:
    with start_python(HOLD, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StorageInUse) as caught:
            await open_sqlite(path, exclusive=True)
        process.communicate("\n")
    assert f"process {process.pid}" in caught.value.description
    assert "Stop that one first" in caught.value.description
    await (await open_sqlite(path, exclusive=True)).close()


async def test_a_killed_server_leaves_no_lock(path: Path) -> None:
    with start_python(HOLD, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.send_signal(signal.SIGKILL)
    await (await open_sqlite(path, exclusive=True)).close()


async def test_the_lock_holds_within_one_process_too(storage: SQLiteStorage, path: Path) -> None:
    with pytest.raises(StorageInUse):
        await open_sqlite(path, exclusive=True)
    await storage.close()
    await (await open_sqlite(path, exclusive=True)).close()


async def test_commands_open_the_database_beside_a_server(storage: SQLiteStorage, path: Path) -> None:
    command = await open_sqlite(path, exclusive=False)
    assert await command.position() == await storage.position()
    await command.close()


async def test_the_lock_is_let_go_when_the_database_does_not_open(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, *, check_same_thread: bool = True) -> sqlite3.Connection:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr("tokenward.server.storage.sqlite.connect", fail)
        with pytest.raises(StorageUnavailable):
            await open_sqlite(path, exclusive=True)
    await (await open_sqlite(path, exclusive=True)).close()


async def test_a_migration_is_not_applied_under_a_server(tmp_path: Path) -> None:
    path = tmp_path / "tokenward.db"
    path.touch()
    hold = "import sys; from pathlib import Path; from tokenward.server.storage.file_lock import FileLock\n"
    hold += "lock = FileLock.take(Path(sys.argv[1])); print('held', flush=True); sys.stdin.readline()"
    with start_python(hold, str(path)) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(StorageInUse):
            migrate(path)
        process.communicate("\n")
    assert migrate(path)


async def test_a_lock_file_that_cannot_be_made_is_told(path: Path) -> None:
    path.with_name(path.name + ".lock").unlink()
    path.with_name(path.name + ".lock").mkdir()
    with pytest.raises(ConfigurationError, match="Cannot write"):
        await open_sqlite(path, exclusive=True)


async def test_files_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "made" / "by us" / "tokenward.db"
    migrate(path)
    storage = await open_sqlite(path, exclusive=True)
    modes = {entry.name: stat.S_IMODE(entry.stat().st_mode) for entry in path.parent.iterdir()}
    await storage.close()
    names = ("tokenward.db", "tokenward.db-shm", "tokenward.db-wal", "tokenward.db.lock")
    assert modes == dict.fromkeys(names, 0o600)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o750)
    migrate(folder / "tokenward.db")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
