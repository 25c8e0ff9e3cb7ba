"""How every connection to an SQLite file is opened, and how its errors are translated."""

import os
import sqlite3
from pathlib import Path

from tokenward.errors import ConfigurationError, StorageUnavailable
from tokenward.server.storage.errors import StorageDamaged

APPLICATION_ID = 0x54575244  # "TWRD", in the header of the file: it tells our databases from others.
BUSY_TIMEOUT_MS = 5000
_DAMAGES = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_OLDEST_SQLITE = (3, 37, 0)  # STRICT tables; RETURNING came with 3.35.
# 64 MB. Copying the log into the file holds up the commit that does it, so `SQLiteStorage.maintain` copies before it
# comes to that; this is for when that falls behind, and for commands.
_CHECKPOINT_PAGES = 16000
_WAL_KEPT_BYTES = 64 * 1024 * 1024


def open_file(path: Path, *, check_same_thread: bool = True) -> sqlite3.Connection:
    """Open an existing file as it is, whatever it is; nothing in it changes.

    The connection begins no transaction by itself.

    Raises:
        sqlite3.Error: there is no such file, or it cannot be opened.
        ConfigurationError: the SQLite library is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        raise ConfigurationError(
            f"The SQLite library of this Python is {sqlite3.sqlite_version}; {oldest} or newer is needed."
        )
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=BUSY_TIMEOUT_MS / 1000,
        isolation_level=None,
        check_same_thread=check_same_thread,
        cached_statements=256,
    )


def open_read_only(path: Path) -> sqlite3.Connection:
    """A connection that changes nothing, beside a server or on a file system that cannot be written.

    Raises:
        sqlite3.Error: there is no such file, or it cannot be opened.
    """
    mode = "mode=ro"
    if not os.access(path.parent, os.W_OK) and not path.with_name(path.name + "-wal").exists():
        # Where no file can be made beside it the engine would refuse; nobody else writes there either.
        mode += "&immutable=1"
    uri = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, isolation_level=None)


def connect(path: Path, *, check_same_thread: bool = True) -> sqlite3.Connection:
    """Open a database of ours with the settings that every connection must have.

    `synchronous=FULL` makes each commit call `fdatasync` on the write-ahead log before it returns.
    `SQLiteStorage.maintain` copies the log into the file once a second, and a commit does it when the log reaches
    64 MB. Then it is written again from its start; one that had to grow longer, because a reader held it, is cut
    back to that at its next start.

    Does not check that the database is ours; it must be, since a file that is not in WAL mode is put into it.

    Raises:
        sqlite3.Error: there is no such file, it cannot be opened, or it is no database.
        ConfigurationError: the SQLite library is too old.
    """
    connection = open_file(path, check_same_thread=check_same_thread)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            # What is deleted is overwritten with zeros: an erased account must not be read out of free pages.
            "secure_delete = ON",
            f"wal_autocheckpoint = {_CHECKPOINT_PAGES}",
            f"journal_size_limit = {_WAL_KEPT_BYTES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def unavailable(error: sqlite3.Error) -> StorageUnavailable:
    """Our error for one of the driver's. Its text names tables and conditions, never a value."""
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    damaged = getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGES
    return (StorageDamaged if damaged else StorageUnavailable)(reason=f"{name}: {error}")
