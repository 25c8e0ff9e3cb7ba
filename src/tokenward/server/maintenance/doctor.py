"""An examination of a server from outside: settings, files, keys and clock, each finding with what to do about it.

It changes nothing, works beside a running server, and goes on after what is wrong as far as that lets it.
"""

import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, StorageUnavailable
from tokenward.server.keyring import ring as states
from tokenward.server.keyring.ring import ACCESS, REFRESH, KeyRing
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.maintenance.sealing import check_opens_accounts, count_stale
from tokenward.server.maintenance.unfinished import left_by_backups, left_by_restores
from tokenward.server.services import database_path, load_master_key
from tokenward.server.settings import Settings
from tokenward.server.storage.errors import StorageDamaged
from tokenward.server.storage.file_lock import FileLock
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.migrate import plan
from tokenward.server.storage.records import KeyRecord
from tokenward.server.storage.sqlite import open_sqlite
from tokenward.server.storage.sqlite_copy import check_whole

Level: TypeAlias = Literal["ok", "warning", "wrong"]

_DAY = 86_400
_MEGABYTE = 1024 * 1024
_LEAST_FREE_BYTES = 64 * _MEGABYTE
_LOW_FREE_BYTES = 512 * _MEGABYTE
# The writer keeps the log below 64 MB; one that is far longer is held by a reader that never ends.
_LONG_LOG_BYTES = 160 * _MEGABYTE
_CLOCK_SET_BACK_SECONDS = 300
_EPOCH_SHIFT = 40
_DAMAGED = "Stop the server, keep the data folder as it is, and restore a backup with: tokenward restore FILE --force"


class Finding(NamedTuple):
    """What was looked at, how it stands, and what to do (empty where there is nothing to do)."""

    what: str
    level: Level
    says: str
    do: str = ""


async def examine(settings: Settings, *, clock: Clock | None = None) -> list[Finding]:
    """Look at everything there is; a finding of level `wrong` is one with which the server does not work rightly.

    The settings were read by the caller, who reports those that are wrong.
    """
    clock = clock or SystemClock()
    database = database_path(settings)
    findings = [_issuer(settings), *_folder(settings.data)]
    if not database.exists():
        do = "Name the data folder of the server with --data, or make a new database with: tokenward serve"
        return [*findings, Finding("database", "wrong", f"there is none in {settings.data}", do)]
    findings += [*_files(database), *_left(database), _disk(settings.data, database), _server(database)]
    whole = _whole(database)
    findings.append(whole)
    schema = _schema(database)
    findings.append(schema)
    master_key, sealed = _master_key(settings)
    findings.append(sealed)
    if "wrong" in (whole.level, schema.level):
        return findings
    try:
        storage = await open_sqlite(database, exclusive=False)
    except StorageUnavailable as error:
        do = "See what is said of the data folder and of the disk"
        return [*findings, Finding("database", "wrong", f"it cannot be opened to write: {error.reason}", do)]
    try:
        findings += [await _clock(storage, clock), await _head(storage)]
        if master_key is not None:
            findings += await _sealing(settings, storage, master_key)
        findings += _keys(await storage.keys.all(), settings, int(clock.now()))
    except StorageUnavailable as error:
        findings.append(Finding("database", "wrong", f"it cannot be read: {error.reason}", _DAMAGED))
    finally:
        await storage.close()
    return findings


def _issuer(settings: Settings) -> Finding:
    if not settings.issuer:
        do = "Run this with the settings of the server: --config FILE, or its TOKENWARD_ variables"
        return Finding(
            "settings", "warning", "no issuer is set here, so these are not the server's settings", do
        )
    return Finding("settings", "ok", f"issuer {settings.issuer}, data in {settings.data}")


def _folder(folder: Path) -> Iterator[Finding]:
    try:
        found = folder.stat()
    except OSError as error:
        do = "Name the data folder of the server with --data"
        yield Finding("data folder", "wrong", f"{folder} cannot be read: {error.strerror}", do)
        return
    yield _permissions("data folder", folder, found, others=0o022, do_mode="700")
    if not os.access(folder, os.W_OK):
        do = (
            "Run this as the user of the server; if it is that, mount the folder writable or change its owner"
        )
        yield Finding("data folder", "wrong", f"{folder} cannot be written", do)


def _permissions(what: str, path: Path, found: os.stat_result, *, others: int, do_mode: str) -> Finding:
    mode = stat.S_IMODE(found.st_mode)
    if mode & others:
        do = f"Run: chmod {do_mode} {path}"
        return Finding(what, "wrong", f"{path} is open to other users (mode {mode:o})", do)
    if found.st_uid != os.geteuid():
        do = f"Run this as the user of the server, or make it the owner: chown {os.geteuid()} {path}"
        return Finding(what, "warning", f"{path} belongs to another user (number {found.st_uid})", do)
    return Finding(what, "ok", f"{path}, mode {mode:o}")


def _files(database: Path) -> Iterator[Finding]:
    yield _permissions("database file", database, database.stat(), others=0o077, do_mode="600")
    log = database.with_name(database.name + "-wal")
    size = log.stat().st_size if log.exists() else 0
    if size > _LONG_LOG_BYTES:
        do = "A program has the database open and reads without an end; find it with: fuser -v " + str(
            database
        )
        yield Finding("write-ahead log", "warning", f"it has grown to {_in_words(size)}", do)
    else:
        yield Finding("write-ahead log", "ok", _in_words(size))


def _left(database: Path) -> Iterator[Finding]:
    for kind, paths in (
        ("restore", left_by_restores(database)),
        ("backup", left_by_backups(database.parent)),
    ):
        for path in paths:
            says = f"a {kind} was stopped in the middle and left {path}"
            do = f"Remove it, or let the next {kind} to the same place do that; it is as secret as the database"
            yield Finding("unfinished copy", "warning", says, do)


def _disk(folder: Path, database: Path) -> Finding:
    free, size = shutil.disk_usage(folder).free, database.stat().st_size
    says = f"{_in_words(free)} free, the database takes {_in_words(size)}"
    do = "Make room on the disk of the data folder; without any the server answers 503 to all that writes"
    if free < _LEAST_FREE_BYTES:
        return Finding("disk", "wrong", says, do)
    # The database is copied once beside itself when a backup is restored.
    return (
        Finding("disk", "warning", says, do)
        if free < max(_LOW_FREE_BYTES, size)
        else Finding("disk", "ok", says)
    )


def _server(database: Path) -> Finding:
    try:
        return Finding("server", "ok", "running" if FileLock.is_held(database) else "not running")
    except OSError as error:
        do = "Run this as the user of the server"
        return Finding("server", "warning", f"whether it runs cannot be told: {error.strerror}", do)


def _whole(database: Path) -> Finding:
    try:
        check_whole(database)
    except StorageDamaged as error:
        return Finding("database", "wrong", f"{database} is damaged: {error.reason}", _DAMAGED)
    except StorageUnavailable as error:
        do = "Look at the disk and at the log of the system"
        return Finding("database", "wrong", f"{database} cannot be read: {error.reason}", do)
    return Finding("database", "ok", "every page is whole")


def _schema(database: Path) -> Finding:
    try:
        pending = plan(database)
    except (ConfigurationError, StorageUnavailable) as error:
        return Finding("schema", "wrong", "the database does not fit this program", error.description)
    if pending:
        names = ", ".join(f"{migration.number:04}_{migration.name}" for migration in pending)
        do = "Stop the server, back up with: tokenward backup FILE, then run: tokenward migrate"
        return Finding("schema", "wrong", f"migrations are pending: {names}", do)
    return Finding("schema", "ok", "up to date")


def _master_key(settings: Settings) -> tuple[MasterKey | None, Finding]:
    try:
        return load_master_key(settings), Finding("master key", "ok", "found")
    except ConfigurationError as error:
        return None, Finding("master key", "wrong", "it cannot be used", error.description)


async def _sealing(settings: Settings, storage: Storage, master_key: MasterKey) -> list[Finding]:
    try:
        await KeyRing(storage.keys, master_key).catch_up(await storage.position())
        await check_opens_accounts(storage, master_key)
    except ConfigurationError as error:
        return [
            Finding("master key", "wrong", "it does not open the keys in the database", error.description)
        ]
    stale = await count_stale(storage, master_key)
    if stale.keys or stale.accounts:
        says = f"{stale.keys} keys and {stale.accounts} accounts are sealed by a master key of before"
        return [Finding("master key", "warning", says, "Run: tokenward keys rewrap")]
    if (
        settings.master_key_previous
        or settings.master_key_previous_file
        or settings.master_key_previous_command
    ):
        do = "Take master_key_previous out of the settings and destroy that key"
        return [Finding("master key", "warning", "everything is sealed by the new one", do)]
    return [Finding("master key", "ok", "it opens every key and is the only one in use")]


async def _clock(storage: Storage, clock: Clock) -> Finding:
    behind = (await storage.audit.newest_at() or 0) - int(clock.now())
    if behind > _CLOCK_SET_BACK_SECONDS:
        says = f"it is {behind} seconds behind the newest entry in the database"
        return Finding("clock", "wrong", says, "Set the clock right, and see that time synchronisation runs")
    return Finding("clock", "ok", "not behind the database")


async def _head(storage: Storage) -> Finding:
    position = await storage.position()
    beyond = await storage.revocations.after(position.n, 1)
    says = f"epoch {position.epoch}, record {position.n & ((1 << _EPOCH_SHIFT) - 1)}"
    if beyond or position.n >> _EPOCH_SHIFT != position.epoch:
        do = "Somebody changed the database by hand. Restore a backup with: tokenward restore FILE --force"
        return Finding("revocation log", "wrong", f"{says}: the head is not that of its records", do)
    return Finding("revocation log", "ok", says)


def _keys(records: list[KeyRecord], settings: Settings, now: int) -> Iterator[Finding]:
    if not records:
        yield Finding("keys", "ok", "none yet: the first start of the server makes them")
        return
    active = [record for record in records if record.state == states.ACTIVE]
    for use in (ACCESS, REFRESH):
        if not any(record.use == use for record in active):
            do = "Start the server, which makes one; if it runs, look at its log for: upkeep_failed"
            yield Finding("keys", "wrong", f"there is no active {use} key", do)
    for record in active:
        age = now - (record.activated_at or record.created_at)
        says = f"{record.use} {record.alg} {record.kid} signs for {age // _DAY} days"
        if age > settings.key_rotation_seconds + _DAY:
            do = "The server rotates keys by itself while it runs: look at its log for: upkeep_failed"
            yield Finding("keys", "warning", f"{says}, longer than key_rotation_seconds", do)
            continue
        yield Finding("keys", "ok", says)
    standing_by = {record.alg for record in records if record.state == states.PENDING}
    for record in active:
        if record.use == ACCESS and record.alg not in standing_by:
            do = "Start the server, which makes one; without it a rotation has to wait"
            yield Finding("keys", "warning", f"no {record.alg} key stands by", do)


def _in_words(size: int) -> str:
    return f"{size / _MEGABYTE:.1f} MB"
