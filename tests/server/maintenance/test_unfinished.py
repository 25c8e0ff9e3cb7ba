"""Unfinished copies where the file system knows no locks: they are made, and never taken for somebody's leavings."""

import errno
import fcntl
from pathlib import Path

import pytest

from tokenward.server.maintenance.unfinished import left_by_backups, unfinished_backup


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
    assert left_by_backups(tmp_path) == [other]
    with unfinished_backup(tmp_path / "copy.db") as unfinished:
        unfinished.write_bytes(b"SQLite format 3\x00")
        assert left_by_backups(tmp_path) == []
        assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == [unfinished.name]
    assert list(tmp_path.iterdir()) == []
