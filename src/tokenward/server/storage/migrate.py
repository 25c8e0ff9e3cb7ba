"""Migrations: numbered SQL files, forward only, each applied once to a database and then never edited.

`schema_migrations` in the database notes which were applied, when, and the SHA-256 of their text.
"""

import hashlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, Error
from tokenward.server.storage.errors import MigrationChanged, NotMigrated, NotOurDatabase, StorageTooNew
from tokenward.server.storage.file_lock import FileLock
from tokenward.server.storage.sqlite_connection import (
    APPLICATION_ID,
    connect,
    open_file,
    open_read_only,
    unavailable,
)

_FILE_NAME = re.compile(r"([0-9]{4})_([a-z0-9_]+)\.sql")
_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    number INTEGER NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at INTEGER NOT NULL,
    sha256 TEXT NOT NULL
) STRICT
"""


class Migration(NamedTuple):
    """One file of `migrations/`."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        """The hash of the text, in hexadecimal."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def known_migrations() -> list[Migration]:
    """All migrations of this program, by number."""
    folder = files("tokenward.server.storage").joinpath("migrations")
    return sorted(
        Migration(int(match[1]), match[2], entry.read_text(encoding="utf-8"))
        for entry in folder.iterdir()
        if (match := _FILE_NAME.fullmatch(entry.name))
    )


def plan(path: Path) -> list[Migration]:
    """The migrations that this database lacks, in order; all of them when there is no file yet.

    Changes nothing.

    Raises:
        StorageTooNew: a newer program has migrated it.
        NotOurDatabase: the file is something else.
        MigrationChanged: an applied migration had another text.
        StorageUnavailable: the file cannot be read.
    """
    if not path.exists():
        return known_migrations()
    try:
        # Opened as it is: a file that turns out to be somebody else's must not be changed.
        return _look(open_read_only, path)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_READONLY:
            raise _translate(error, path) from error
    try:
        # Whoever made the file was killed in the middle, and left a journal by which the engine has to take back what
        # was half done before anything can be read.
        return _look(open_file, path)
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _look(opened: Callable[[Path], sqlite3.Connection], path: Path) -> list[Migration]:
    with closing(opened(path)) as connection:
        return _pending(connection, path)


def check_migrated(path: Path) -> None:
    """Raise unless the database exists and is exactly of this program's schema.

    Raises:
        NotMigrated: a migration is missing, or the file.
        StorageTooNew, NotOurDatabase, MigrationChanged, StorageUnavailable: see `plan`.
    """
    if not path.exists():
        raise NotMigrated(f"There is no database at {path}. Make it with: tokenward migrate")
    if pending := plan(path):
        names = ", ".join(f"{migration.number:04}_{migration.name}" for migration in pending)
        raise NotMigrated(f"{path} lacks the migrations {names}. Apply them with: tokenward migrate")


def migrate(path: Path, *, clock: Clock | None = None) -> list[Migration]:
    """Bring the database up to this program, all pending migrations in one transaction; return those applied.

    Makes the file (readable by its owner only) and its folder (the same, if it was not there). Takes the lock
    of a server while it works, so it never changes a schema under one. Done twice, the second does nothing.

    Raises:
        StorageInUse: there is something to apply and a server is running on the database.
        ConfigurationError: the folder or file cannot be made.
        StorageTooNew, NotOurDatabase, MigrationChanged, StorageUnavailable: see `plan`.
    """
    if path.exists() and not plan(path):
        return []
    _make_file(path)
    lock = FileLock.take(path)
    try:
        return migrate_locked(path, clock=clock or SystemClock())
    finally:
        lock.release()


def migrate_locked(path: Path, *, clock: Clock) -> list[Migration]:
    """As `migrate`, for whoever holds the lock of this database already. The file must be there.

    Raises:
        StorageTooNew, NotOurDatabase, MigrationChanged, StorageUnavailable: see `plan`.
    """
    try:
        with closing(connect(path)) as connection:
            return _apply_pending(connection, path, int(clock.now()))
    except sqlite3.Error as error:
        raise _translate(error, path) from error


def _make_file(path: Path) -> None:
    try:
        if not path.parent.exists():
            path.parent.mkdir(mode=0o700, parents=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        message = f"Cannot make {path}: {error.strerror}. Make the folder writable, or choose another one."
        raise ConfigurationError(message) from error


def _not_ours(path: Path) -> NotOurDatabase:
    return NotOurDatabase(
        f"{path} is not a Tokenward database. Choose another data folder, or move the file away; if it was one and its "
        "beginning is damaged, restore a backup with: tokenward restore FILE --force"
    )


def _translate(error: sqlite3.Error, path: Path) -> Error:
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_NOTADB:
        return _not_ours(path)
    return unavailable(error)


def _pending(connection: sqlite3.Connection, path: Path) -> list[Migration]:
    applied = _applied(connection, path)
    known = {migration.number: migration for migration in known_migrations()}
    for number, name, sha256 in applied:
        if number not in known:
            raise StorageTooNew(
                f"{path} was migrated by a newer Tokenward (migration {number:04}_{name}). "
                "Run that version, or restore a backup from before the upgrade."
            )
        if known[number].sha256 != sha256:
            raise MigrationChanged(
                f"Migration {number:04}_{name} was applied to {path} with another text than this program "
                "has. Install an unmodified release of Tokenward."
            )
    done = {number for number, _, _ in applied}
    return [migration for number, migration in sorted(known.items()) if number not in done]


def _applied(connection: sqlite3.Connection, path: Path) -> list[tuple[int, str, str]]:
    ((application_id,),) = connection.execute("PRAGMA application_id").fetchall()
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if application_id != APPLICATION_ID:
        # A file that was just made is empty and has no application id: nobody's yet.
        if application_id == 0 and not tables:
            return []
        raise _not_ours(path)
    if "schema_migrations" not in tables:
        raise _not_ours(path)
    return connection.execute("SELECT number, name, sha256 FROM schema_migrations ORDER BY number").fetchall()


def _apply_pending(connection: sqlite3.Connection, path: Path, now: int) -> list[Migration]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        # Asked again inside the transaction: another process may have migrated a moment ago.
        pending = _pending(connection, path)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(_TABLE)
        for migration in pending:
            for statement in _statements(migration.sql):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO schema_migrations (number, name, applied_at, sha256) VALUES (?, ?, ?, ?)",
                (migration.number, migration.name, now, migration.sha256),
            )
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
    return pending


def _statements(script: str) -> Iterator[str]:
    """The statements of a script, each ending at the end of a line.

    `Connection.executescript` would commit first, and a migration that failed half-way would stay half done.
    """
    lines: list[str] = []
    for line in script.splitlines(keepends=True):
        lines.append(line)
        if sqlite3.complete_statement("".join(lines)):
            yield "".join(lines)
            lines.clear()
    if "".join(lines).strip():
        yield "".join(lines)
