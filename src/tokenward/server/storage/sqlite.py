"""The storage on SQLite: one file, one writer thread, reads in the event loop's thread."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

from tokenward.clock import Clock
from tokenward.errors import StorageUnavailable
from tokenward.server.storage.accounts import AccountStore
from tokenward.server.storage.audit import AuditStore
from tokenward.server.storage.clients import ClientStore
from tokenward.server.storage.file_lock import FileLock
from tokenward.server.storage.keys import KeyStore
from tokenward.server.storage.measures import StorageMeasures, StorageSizes
from tokenward.server.storage.migrate import check_migrated
from tokenward.server.storage.rate_limits import RateLimitStore
from tokenward.server.storage.records import Position
from tokenward.server.storage.revocations import RevocationStore
from tokenward.server.storage.sessions import SessionStore
from tokenward.server.storage.sqlite_connection import connect, unavailable
from tokenward.server.storage.sqlite_reader import SQLiteReader
from tokenward.server.storage.sqlite_writer import SQLiteWriter
from tokenward.server.storage.units import Outcome, Unit

_EMPTYING_WAITS_MS = 50
_EMPTYING_TRIES = 5


class SQLiteStorage:
    """A `Storage` on one SQLite file. Made by `open_sqlite`."""

    def __init__(self, path: Path, reader: SQLiteReader, writer: SQLiteWriter, lock: FileLock | None) -> None:
        self._path = path
        self._reader = reader
        self._writer = writer
        self._lock = lock
        self._maintained = 0
        # How often it was asked to empty the log, and up to which time that was done. A server that was killed may
        # have left it undone, so the next one begins with it.
        self._scrubs = 0 if lock is None else 1
        self._scrubbed = 0
        self.accounts = AccountStore(reader)
        self.sessions = SessionStore(reader)
        self.keys = KeyStore(reader)
        self.clients = ClientStore(reader)
        self.revocations = RevocationStore(reader)
        self.audit = AuditStore(reader)
        self.rate_limits = RateLimitStore(reader)

    @property
    def measures(self) -> StorageMeasures:
        """See `Storage.measures`."""
        return self._writer.measures

    def sizes(self) -> StorageSizes:
        """See `Storage.sizes`."""
        log = self._path.with_name(self._path.name + "-wal")
        disk = os.statvfs(self._path)
        return StorageSizes(
            self._path.stat().st_size,
            log.stat().st_size if log.exists() else 0,
            disk.f_bavail * disk.f_frsize,
        )

    async def apply(self, unit: Unit) -> Outcome:
        """See `Storage.apply`."""
        return await self._writer.submit(unit)

    async def position(self) -> Position:
        """See `Storage.position`."""
        return self._reader.position()

    async def maintain(self) -> None:
        """See `Storage.maintain`: copies the write-ahead log into the file, in a thread, while commits go on."""
        groups, scrubs = self._writer.groups, self._scrubs
        if groups == self._maintained and scrubs == self._scrubbed:
            return
        try:
            await asyncio.to_thread(self._copy_log)
            if scrubs != self._scrubbed and await asyncio.to_thread(self._empty_log):
                self._scrubbed = max(self._scrubbed, scrubs)
        except sqlite3.Error as error:
            raise unavailable(error) from error
        self._maintained = groups

    async def scrub(self) -> None:
        """See `Storage.scrub`: zeros stand where rows were (`secure_delete`); this empties the log of old pages."""
        self._scrubs = wanted = self._scrubs + 1
        with contextlib.suppress(StorageUnavailable):
            for _ in range(_EMPTYING_TRIES):
                await self.maintain()
                if self._scrubbed >= wanted:
                    return

    def _copy_log(self) -> None:
        with contextlib.closing(connect(self._path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _empty_log(self) -> bool:
        with contextlib.closing(connect(self._path)) as connection:
            # Nobody can commit while it waits for readers in other processes.
            connection.execute(f"PRAGMA busy_timeout = {_EMPTYING_WAITS_MS}").fetchall()
            ((busy, _, _),) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return not busy

    async def close(self) -> None:
        """See `Storage.close`."""
        await self._writer.close()
        self._reader.close()
        if self._lock is not None:
            self._lock.release()


async def open_sqlite(
    path: Path, *, exclusive: bool, clock: Clock | None = None, kind: type[SQLiteStorage] = SQLiteStorage
) -> SQLiteStorage:
    """Open a migrated database. Belongs to the running event loop and its thread. Applies no migration.

    `clock` measures how long commits take; `kind` is what is made, for one that traces them.

    `exclusive=True` is for the one process that serves: it holds `<path>.lock` until it is closed or dies.
    Commands open with `exclusive=False`, beside a server, and must write in short units.

    Raises:
        StorageInUse: another process serves this database.
        NotMigrated, StorageTooNew, NotOurDatabase, MigrationChanged: see `storage.migrate`.
        StorageUnavailable: the file cannot be read or written.
        ConfigurationError: the lock file cannot be made, or the SQLite library is too old.
    """
    check_migrated(path)
    lock = FileLock.take(path) if exclusive else None
    reading: sqlite3.Connection | None = None
    opened = False
    try:
        reading = connect(path)
        reading.execute("PRAGMA query_only = ON").fetchall()
        writing = connect(path, check_same_thread=False)
        opened = True
    except sqlite3.Error as error:
        raise unavailable(error) from error
    finally:
        if not opened:
            if reading is not None:
                reading.close()
            if lock is not None:
                lock.release()
    writer = SQLiteWriter(writing, asyncio.get_running_loop(), clock)
    return kind(path, SQLiteReader(reading), writer, lock)
