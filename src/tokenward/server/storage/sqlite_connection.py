"""How every connection to an SQLite file is opened, and how its errors are translated."""

import sqlite3
from pathlib import Path

from tokenward.errors import ConfigurationError, StorageUnavailable

APPLICATION_ID = 0x54575244  # "TWRD", in the header of the file: it tells our databases from others.
BUSY_TIMEOUT_MS = 5000
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
    return StorageUnavailable(reason=f"{name}: {error}")
