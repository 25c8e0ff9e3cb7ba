"""Whose an unfinished copy is, where no lock tells: it is never taken for somebody's leavings."""

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tokenward.server.maintenance.unfinished import (
    left_by_backups,
    left_by_restores,
    unfinished_backup,
    unfinished_restore,
)
from tokenward.server.storage.file_lock import FileLock


def test_without_locks_a_copy_is_made_and_none_is_taken_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    # There is no such file system here to try it on.
    monkeypatch.setattr(fcntl, "flock", flock)
    target = tmp_path / "copy.db"
    other, lock = tmp_path / ".copy.db.1", tmp_path / ".copy.db.1.lock"
    other.touch()
    lock.touch()
    with unfinished_backup(target) as unfinished:
        unfinished.write_bytes(b"SQLite format 3\x00")
        assert left_by_backups(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == [other, lock]


def test_with_locks_it_is_taken_away_once_nobody_holds_it(tmp_path: Path) -> None:
    other = tmp_path / ".copy.db.1"
    other.write_bytes(b"SQLite format 3\x00 and more")
    (tmp_path / ".copy.db.1.lock").touch()
    assert left_by_backups(tmp_path) == [other]
    with unfinished_backup(tmp_path / "copy.db") as unfinished:
        unfinished.write_bytes(b"SQLite format 3\x00")
        assert left_by_backups(tmp_path) == []
        assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == [unfinished.name]
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_that_has_such_a_name_stays(tmp_path: Path) -> None:
    """Each of our copies has a lock file beside it; what has none was made by hand, for example with the date."""
    mine, folder = tmp_path / "tokenward.db.restored-20261124", tmp_path / ".copy.db.2026"
    mine.write_bytes(b"SQLite format 3\x00 and more")
    folder.mkdir()
    assert left_by_restores(tmp_path / "tokenward.db") == []
    with unfinished_restore(tmp_path / "tokenward.db"), unfinished_backup(tmp_path / "copy.db"):
        pass
    assert sorted(tmp_path.iterdir()) == [folder, mine]


def test_another_users_running_copy_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / ".copy.db.1"
    other.write_bytes(b"SQLite format 3\x00 and more")
    lock, opened = FileLock.take(other), os.open

    def open_as_stranger(path: Path, *how: int) -> int:
        if Path(path).name == ".copy.db.1.lock":
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, *how)

    # The tests may run as root, to whom every file opens.
    monkeypatch.setattr(os, "open", open_as_stranger)
    assert left_by_backups(tmp_path) == []
    with unfinished_backup(tmp_path / "copy.db"):
        assert other.exists()
    assert other.exists()
    lock.release()
