"""The copy that a backup or a restore works on until it gets its name, and what one leaves that was killed.

Whoever makes a copy holds a lock on it, which ends with the process however that ends. So a copy without one is
nobody's: the next of its kind removes it, and `doctor` names it.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from tokenward.server.storage.file_lock import FileLock
from tokenward.server.storage.sqlite_copy import remove_database

_MAGIC = b"SQLite format 3\x00"
_OF_BACKUP = re.compile(r"\..+\.[0-9]+")


@contextlib.contextmanager
def unfinished_restore(database: Path) -> Iterator[Path]:
    """Where the restore of `database` works; removes what is left there at the end, and of those killed before.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    for path in left_by_restores(database):
        remove_database(path)
    with _held(database.with_name(f"{database.name}.restored-{os.getpid()}")) as path:
        yield path


@contextlib.contextmanager
def unfinished_backup(target: Path) -> Iterator[Path]:
    """Where the backup to `target` works; removes what is left there at the end, and of those killed before.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    for path in _left(target.parent, re.compile(rf"\.{re.escape(target.name)}\.[0-9]+")):
        remove_database(path)
    with _held(target.with_name(f".{target.name}.{os.getpid()}")) as path:
        yield path


def left_by_restores(database: Path) -> list[Path]:
    """Copies for `database` on which nobody works any more."""
    return _left(database.parent, re.compile(rf"{re.escape(database.name)}\.restored-[0-9]+"))


def left_by_backups(folder: Path) -> list[Path]:
    """Copies in `folder`, for backups of any name, on which nobody works any more."""
    return [path for path in _left(folder, _OF_BACKUP) if _is_database(path)]


def _left(folder: Path, name: re.Pattern[str]) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        # Whoever goes on to use the folder says what is wrong with it.
        return []
    return [path for path in paths if name.fullmatch(path.name) and _has_lock(path) and not _is_held(path)]


def _has_lock(path: Path) -> bool:
    """Whether the lock file that each of our copies has lies beside; a file without one is somebody else's."""
    return path.with_name(path.name + ".lock").exists()


def _is_held(path: Path) -> bool:
    try:
        return FileLock.is_held(path)
    except OSError:
        # Some file systems know no locks, and another user's may not be looked at. There nobody can tell, so nothing is
        # taken away.
        return True


def _is_database(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) in (_MAGIC, b"")
    except OSError:
        return False


@contextlib.contextmanager
def _held(path: Path) -> Iterator[Path]:
    # Before there is a copy, so that at no moment a copy is taken for one that was left.
    lock = None
    with contextlib.suppress(OSError):
        # Some file systems know no locks, and a copy can be made there all the same.
        lock = FileLock.take(path)
    try:
        yield path
    finally:
        remove_database(path)
        if lock is not None:
            lock.release()
