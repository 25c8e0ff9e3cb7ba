import os
import stat
from pathlib import Path

import pytest
from tests.server.storage.sqlite_files import count_events, event, unit

from tokenward.errors import ConfigurationError, StorageUnavailable
from tokenward.server.storage.errors import StorageDamaged
from tokenward.server.storage.file_lock import FileLock
from tokenward.server.storage.sqlite import SQLiteStorage
from tokenward.server.storage.sqlite_copy import check_whole, copy_database


def nothing(left: int, whole: int) -> None:
    """No progress is shown."""


async def test_a_copy_has_what_was_committed_before_and_nothing_of_later(
    storage: SQLiteStorage, path: Path, tmp_path: Path
) -> None:
    for _ in range(400):
        await storage.apply(unit(event("x" * 3000)))
    told: list[tuple[int, int]] = []
    meanwhile = []

    def commit_meanwhile(left: int, whole: int) -> None:
        told.append((left, whole))
        meanwhile.append(storage._writer.submit(unit(event())))
        storage._writer._hand_over()

    copy_database(path, tmp_path / "copy.db", commit_meanwhile)
    for future in meanwhile:
        assert (await future).applied
    # A copy in several steps that began again at each commit would not end, or hold what came later.
    assert len(told) > 1
    assert told[-1][0] == 0
    assert count_events(tmp_path / "copy.db") == 400
    assert count_events(path) == 400 + len(told)
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600


def test_a_copy_that_fails_leaves_nothing(path: Path, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    with pytest.raises(StorageUnavailable):
        copy_database(tmp_path / "absent.db", tmp_path / "copy.db", nothing)
    with path.open("r+b") as file:
        file.seek(4096 * 2)
        file.write(os.urandom(4096 * 8))
    with pytest.raises(StorageDamaged):
        copy_database(path, tmp_path / "copy.db", nothing)
    assert set(tmp_path.iterdir()) - before <= {tmp_path / f"{path.name}-{end}" for end in ("wal", "shm")}


def test_a_copy_overwrites_nothing(path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(ConfigurationError, match="File exists"):
        copy_database(path, tmp_path / "copy.db", nothing)
    assert (tmp_path / "copy.db").read_text() == "mine"


def test_what_is_no_database_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"A photograph, say. " * 500)
    with pytest.raises(StorageDamaged):
        check_whole(tmp_path / "a.db")
    with pytest.raises(StorageUnavailable):
        check_whole(tmp_path / "absent.db")


def test_whether_the_lock_is_held_is_seen_without_making_a_file(path: Path) -> None:
    lock_file = path.with_name(path.name + ".lock")
    lock_file.unlink(missing_ok=True)
    assert not FileLock.is_held(path)
    assert not lock_file.exists()
    lock = FileLock.take(path)
    assert FileLock.is_held(path)
    lock.release()
    assert not FileLock.is_held(path)
