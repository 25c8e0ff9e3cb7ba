"""A database copied whole while it is used, and what a file must stand before it is taken for a good copy."""

import contextlib
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from tokenward.errors import ConfigurationError
from tokenward.server.storage.errors import StorageDamaged
from tokenward.server.storage.sqlite_connection import open_read_only, unavailable

_PAGES_A_STEP = 256
_MOST_FAULTS = 5

CopyProgress: TypeAlias = Callable[[int, int], None]
"""Told the pages that are still to be copied, and all there are."""


def copy_database(source: Path, target: Path, progress: CopyProgress) -> None:
    """Copy `source` as it is at one moment, with all that was committed, into the new file `target`.

    A server may go on writing: the copy reads one snapshot and holds up nobody. `target` is one file, readable by its
    owner only, checked and on the disk when this returns; when this raises, it is not there.

    Raises:
        ConfigurationError: `source` cannot be read, or `target` cannot be made or exists.
        StorageDamaged: what was copied is damaged.
        StorageUnavailable: the copy failed on the way, for example because the disk is full.
    """
    try:
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except OSError as error:
        msg = f"Cannot make {target}: {error.strerror}. Choose another place, or move what is there away."
        raise ConfigurationError(msg) from error
    whole = False
    try:
        _copy(source, target, progress)
        check_whole(target)
        sync(target)
        whole = True
    except sqlite3.Error as error:
        raise unavailable(error) from error
    finally:
        if not whole:
            remove_database(target)


def _copy(source: Path, target: Path, progress: CopyProgress) -> None:
    with (
        contextlib.closing(open_read_only(source)) as reading,
        contextlib.closing(sqlite3.connect(target, isolation_level=None)) as writing,
    ):
        # With a snapshot that is held, a commit of the server does not make the copy begin again.
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        reading.backup(
            writing, pages=_PAGES_A_STEP, progress=lambda _, left, pages: progress(left, pages), sleep=0
        )
        # One file, which can be read from a medium that cannot be written; a server puts it back to WAL.
        writing.execute("PRAGMA journal_mode = DELETE").fetchall()


def check_whole(path: Path) -> None:
    """Read every page and see that tables, indices and constraints are whole; nothing is changed.

    Raises:
        StorageDamaged: they are not, or the file is no database at all.
        StorageUnavailable: the file cannot be read.
    """
    try:
        with contextlib.closing(open_read_only(path)) as connection:
            faults = [row[0] for row in connection.execute(f"PRAGMA quick_check({_MOST_FAULTS})")]
    except sqlite3.Error as error:
        raise unavailable(error) from error
    if faults != ["ok"]:
        raise StorageDamaged(reason="; ".join(" ".join(str(fault).split()) for fault in faults))


def sync(path: Path) -> None:
    """Have the file, and its name in the folder, on the disk when this returns."""
    for one in (path, path.parent):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_database(path: Path) -> None:
    """Remove a database file and what lies beside it."""
    for suffix in ("", "-wal", "-shm", "-journal", ".lock"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
