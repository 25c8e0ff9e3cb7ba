"""A restore: a backup becomes the database again, and nothing that was revoked since comes back.

The backup knows nothing of what happened after it: sessions that ended, passwords that were changed, keys that were
revoked. So the log goes on in a new epoch, above every number that was ever given, with a record that refuses every
token of before; every key is replaced; every session is dead. Everybody signs in again. Whom the replaced database
calls erased or disabled stays so (`carrying_over`).
"""

import asyncio
import contextlib
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, Error, StorageUnavailable
from tokenward.server.audit import COMMAND_LINE, Audit
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.keyring.starting_over import replace_ring
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.maintenance.carrying_over import CarriedOver, Since, carry_over, read_since
from tokenward.server.maintenance.sealing import check_opens_accounts
from tokenward.server.maintenance.unfinished import unfinished_restore
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.services import database_path, load_master_key, publish_seconds
from tokenward.server.settings import Settings
from tokenward.server.storage.file_lock import FileLock
from tokenward.server.storage.migrate import migrate_locked, plan
from tokenward.server.storage.sqlite import open_sqlite
from tokenward.server.storage.sqlite_connection import connect, open_read_only
from tokenward.server.storage.sqlite_copy import (
    CopyProgress,
    copy_database,
    sync,
)
from tokenward.server.storage.units import Unit

_MARK = "restored"
_BESIDE = ("-wal", "-shm")
_SUFFIXES = ("", *_BESIDE)


class Restored(NamedTuple):
    """What a restore did.

    `epoch` is the new one, `n` the record that refuses every token of before, `newest_at` the time (UTC seconds) of
    the newest entry in the backup, and `kept` where the database of before lies now, if there was one. `carried_over`
    is `None` where that one was not asked, was not there or could not be read.
    """

    epoch: int
    n: int
    newest_at: int | None
    kept: Path | None
    carried_over: CarriedOver | None


def restore(
    settings: Settings,
    backup: Path,
    *,
    force: bool,
    as_it_was: bool = False,
    progress: CopyProgress,
    clock: Clock | None = None,
) -> Restored:
    """Make `backup` the database of `settings`, brought up to this program and in a new epoch.

    With `force` a database that is there is kept beside under another name. Whom it calls erased or disabled stays so,
    unless `as_it_was` says that this, too, is to be undone. All is done on a copy, which takes its
    place at the end in one step: stopped before that, nothing has changed.

    Raises:
        StorageInUse: a server is running on the data folder.
        ConfigurationError: there is a database and `force` is off, or `backup` is none of ours or too new.
        WrongMasterKey: the master key of the settings is not that of the backup.
        StorageDamaged: the backup is damaged.
    """
    clock = clock or SystemClock()
    database = database_path(settings)
    master_key = load_master_key(settings)
    _check_places(settings, database, backup, force=force)
    lock = FileLock.take(database)
    try:
        with unfinished_restore(database) as fresh:
            copy_database(backup, fresh, progress)
            _check_holds_something(backup, fresh)
            if plan(fresh):
                # The copy's lock is held by `unfinished_restore`, and cannot be taken a second time.
                migrate_locked(fresh, clock=clock)
            epoch = max(_epoch_of(fresh), _epoch_of(database)) + 1
            n, newest_at = asyncio.run(_start_epoch(settings, fresh, master_key, epoch, clock))
            since = None if as_it_was else read_since(database)
            carried = None if since is None else asyncio.run(_carry_over(since, fresh, master_key, clock))
            _make_one_file(fresh)
            sync(fresh)
            kept = _set_aside(database, clock)
            fresh.replace(database)
            sync(database)
    finally:
        lock.release()
    return Restored(epoch, n, newest_at, kept, carried)


def _check_places(settings: Settings, database: Path, backup: Path, *, force: bool) -> None:
    if not backup.is_file():
        msg = f"There is no file {backup}. Name a backup that was made with: tokenward backup FILE"
        raise ConfigurationError(msg)
    if database.exists() and not force:
        msg = (
            f"There is a database in {settings.data}. Choose an empty folder with --data, or give --force: then the "
            "one that is there is kept beside under another name."
        )
        raise ConfigurationError(msg)
    if database.exists() and database.samefile(backup):
        msg = f"{backup} is the database itself. Name a backup of it."
        raise ConfigurationError(msg)
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = (
            f"The data folder {settings.data} cannot be made: {error.strerror}. Name another one with --data."
        )
        raise ConfigurationError(msg) from None


def _check_holds_something(backup: Path, copy: Path) -> None:
    """A file of no bytes, which a copy to a full disk leaves, is a whole database to SQLite, and would become ours."""
    with contextlib.closing(open_read_only(copy)) as connection:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if not tables:
        msg = f"{backup} is empty, so it is no backup. Nothing was changed; name another one."
        raise ConfigurationError(msg)


def _epoch_of(path: Path) -> int:
    """The epoch of a database; 0 where it cannot be told, since one that is damaged may be what is replaced."""
    if not path.exists():
        return 0
    try:
        with contextlib.closing(open_read_only(path)) as connection:
            return int(connection.execute("SELECT epoch FROM head").fetchone()[0])
    except (sqlite3.Error, TypeError, ValueError):
        return 0


async def _start_epoch(
    settings: Settings, path: Path, master_key: MasterKey, epoch: int, clock: Clock
) -> tuple[int, int | None]:
    """Begin the epoch, in one unit. The number of the record that refuses all, and the time of the newest entry."""
    storage = await open_sqlite(path, exclusive=False)
    try:
        ring, audit = KeyRing(storage.keys, master_key), Audit(storage.audit, master_key)
        # A backup that the master key does not open would be a database on which no server starts.
        await ring.catch_up(await storage.position())
        await check_opens_accounts(storage, master_key)
        revocations, now = RevocationLog(storage, clock), int(clock.now())
        newest_at = await storage.audit.newest_at()
        changes = (
            storage.revocations.begin_epoch(epoch),
            revocations.record("all", "", _MARK),
            storage.clients.raise_all_cutoffs(),
            audit.event(
                "storage.restored",
                actor=COMMAND_LINE,
                at=now,
                detail={"epoch": epoch, "newest_at": newest_at},
            ),
            *await replace_ring(
                ring.records,
                store=storage.keys,
                master_key=master_key,
                record_revocation=revocations.record,
                algorithm=settings.access_token_algorithm,
                publish_seconds=publish_seconds(settings),
                reason=_MARK,
                now=now,
            ),
        )
        outcome = await storage.apply(Unit("restore", changes))
        if not outcome.applied:
            raise StorageUnavailable(reason=f"the restore was refused by {outcome.refused_by}")
        return outcome.integer(1), newest_at
    finally:
        await storage.close()


async def _carry_over(since: Since, path: Path, master_key: MasterKey, clock: Clock) -> CarriedOver:
    storage = await open_sqlite(path, exclusive=False)
    try:
        return await carry_over(since, storage, Audit(storage.audit, master_key), clock)
    finally:
        await storage.close()


def _make_one_file(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        # The copy may have, in unused parts of its pages, what was erased before or just now; this writes it anew.
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def _set_aside(database: Path, clock: Clock) -> Path | None:
    """Give the database that is there another name as well, and free its own of what would be taken for the new one's.

    A write-ahead log that stayed would be read into the database that comes in its place.
    """
    here = [suffix for suffix in _SUFFIXES if database.with_name(database.name + suffix).exists()]
    if not here:
        return None
    whole = "" in here
    if whole:
        # What is damaged may not take its log in; both are kept then.
        with contextlib.suppress(sqlite3.Error, Error), contextlib.closing(connect(database)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    kept = _unused_name(database, clock)
    if whole:
        kept.hardlink_to(database)
    for suffix in _BESIDE:
        beside = database.with_name(database.name + suffix)
        # Also where somebody took the database itself away before.
        if beside.exists():
            beside.replace(kept.with_name(kept.name + suffix))
    return kept if whole else None


def _unused_name(database: Path, clock: Clock) -> Path:
    stamp = datetime.fromtimestamp(clock.now(), UTC).strftime("%Y%m%d-%H%M%S")
    # Two restores may fall into one second, and neither may cost what the other kept.
    names = (
        f"{database.name}.before-{stamp}{more}" for more in ("", *(f"-{place}" for place in range(2, 100)))
    )
    return next(
        path
        for path in map(database.with_name, names)
        if not any(path.with_name(path.name + suffix).exists() for suffix in _SUFFIXES)
    )
