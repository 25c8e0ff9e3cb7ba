import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.conformance.samples import account, applied

from tokenward.server.storage.sqlite import SQLiteStorage


def accounts_in_the_file_alone(path: Path, folder: Path) -> int:
    """What a copy of the database without its write-ahead log knows."""
    copy = folder / "copy.db"
    shutil.copy(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        return int(connection.execute("SELECT count(*) FROM accounts").fetchone()[0])


def modified_at(path: Path) -> float:
    return path.stat().st_mtime


async def test_maintaining_copies_the_log_into_the_file(
    storage: SQLiteStorage, path: Path, tmp_path: Path
) -> None:
    await applied(storage, storage.accounts.insert(account()))
    assert accounts_in_the_file_alone(path, tmp_path) == 0
    await storage.maintain()
    assert accounts_in_the_file_alone(path, tmp_path) == 1


async def test_maintaining_writes_nothing_when_nothing_was_written(
    storage: SQLiteStorage, path: Path
) -> None:
    await applied(storage, storage.accounts.insert(account()))
    await storage.maintain()
    os.utime(path, (1, 1))
    await storage.maintain()
    assert modified_at(path) == 1


async def test_commits_go_on_while_the_log_is_copied(storage: SQLiteStorage) -> None:
    async def write(number: int) -> None:
        await applied(storage, storage.accounts.insert(account(f"user{number}")))

    async def maintain() -> None:
        for _ in range(10):
            await storage.maintain()

    await asyncio.gather(maintain(), *(write(number) for number in range(200)))
    assert len(await storage.accounts.page(None, 300)) == 200
