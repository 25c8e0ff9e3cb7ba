"""What the master key seals, sealed anew: by a new master key, or from nothing when the old one is lost."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple, TypeAlias

from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, StorageUnavailable
from tokenward.server.audit import COMMAND_LINE, PERSONAL_KEY_PURPOSE, Audit
from tokenward.server.keyring.starting_over import replace_ring
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.services import database_path, load_master_key, publish_seconds
from tokenward.server.settings import Settings
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord, KeyRecord
from tokenward.server.storage.sqlite import open_sqlite
from tokenward.server.storage.units import Change, Unit

_PAGE = 200
_MOST_PASSES = 20
# A running server looks at the ring once a second, and then goes over to the new master key.
_SERVER_LOOKS_EVERY_SECONDS = 3.0

Progress: TypeAlias = Callable[[int], None]
"""Told how many accounts were looked at since it was told last."""


class NothingIsLost(ConfigurationError):
    """The master key opens everything, so nothing has to be made anew."""


class Sealed(NamedTuple):
    """How many keys of the ring and how many accounts' keys were sealed anew."""

    keys: int
    accounts: int


class Reset(NamedTuple):
    """What a reset did. `n` is the number of the record that refuses every token of before."""

    n: int
    keys: int
    accounts: int


async def rewrap(
    settings: Settings,
    *,
    progress: Progress,
    clock: Clock | None = None,
    pause_seconds: float = _SERVER_LOOKS_EVERY_SECONDS,
) -> Sealed:
    """Seal by the master key of the settings what `master_key_previous` sealed; beside a running server.

    A running server may seal something by the old key until it has seen the change, so this looks again after
    `pause_seconds` until nothing is left. Stopped half-way it is begun again and goes on: each thing opens with one
    of the two keys at every moment.

    Raises:
        WrongMasterKey: neither key opens something. What was sealed anew stays so.
        ConfigurationError: the settings name no master key, or the database cannot be used.
    """
    master_key = load_master_key(settings)
    clock = clock or SystemClock()
    storage = await open_sqlite(database_path(settings), exclusive=False)
    try:
        audit = Audit(storage.audit, master_key)
        done = Sealed(0, 0)
        for _ in range(_MOST_PASSES):
            keys = await _rewrap_keys(storage, master_key, audit, clock)
            accounts = await _rewrap_accounts(storage, master_key, audit, clock, progress)
            if not keys and not accounts:
                return done
            done = Sealed(done.keys + keys, done.accounts + accounts)
            await asyncio.sleep(pause_seconds)
        msg = (
            "A running server goes on sealing with the old master key. Give the new one to it as well (in its "
            "master_key_file, or with a restart), then run this again; nothing is lost."
        )
        raise ConfigurationError(msg)
    finally:
        await storage.close()


async def count_stale(storage: Storage, master_key: MasterKey) -> Sealed:
    """How many keys and accounts are sealed by a previous master key still."""
    keys = [record for record in await storage.keys.all() if _is_stale(record, master_key)]
    accounts = 0
    async for page in _pages(storage):
        accounts += sum(not _is_current(account, master_key) for account in page)
    return Sealed(len(keys), accounts)


async def check_opens_accounts(storage: Storage, master_key: MasterKey) -> None:
    """See that the key of every account opens: where a rewrap was stopped half-way, one stands for no other.

    Raises:
        WrongMasterKey: one does not.
    """
    async for page in _pages(storage):
        for account in page:
            master_key.unwrap(account.personal_key_wrapped, purpose=PERSONAL_KEY_PURPOSE, key_id=account.sub)


async def reset_after_loss(settings: Settings, *, progress: Progress, clock: Clock | None = None) -> Reset:
    """Make everything anew that the lost master key sealed: the ring, and the key of each account's personal data.

    Everybody has to sign in again. What the audit log holds of people in sealed form stays unreadable for ever;
    accounts, passwords and roles are not sealed and stay. The ring comes last, so that a reset that was stopped leaves
    a database on which no server starts, and is begun again.

    Raises:
        NothingIsLost: the master key of the settings opens everything there is.
        StorageInUse: a server is running on the database.
    """
    master_key = load_master_key(settings)
    clock = clock or SystemClock()
    storage = await open_sqlite(database_path(settings), exclusive=True)
    try:
        audit = Audit(storage.audit, master_key)
        records = await storage.keys.all()
        lost = [record for record in records if _is_lost(record, master_key)]
        accounts = await _replace_personal_keys(storage, master_key, audit, clock, progress)
        if not lost and not accounts:
            msg = (
                "The master key opens everything in this database: nothing is lost, and nothing was changed. "
                "To change the master key: tokenward keys rewrap"
            )
            raise NothingIsLost(msg)
        revocations = RevocationLog(storage, clock)
        now = int(clock.now())
        outcome = await storage.apply(
            Unit(
                "reset_ring",
                (
                    revocations.record("all", "", "master_key_lost"),
                    storage.clients.raise_all_cutoffs(),
                    audit.event(
                        "master_key.reset", actor=COMMAND_LINE, at=now, detail={"lost_keys": len(lost)}
                    ),
                    *await replace_ring(
                        records,
                        store=storage.keys,
                        master_key=master_key,
                        record_revocation=revocations.record,
                        algorithm=settings.access_token_algorithm,
                        publish_seconds=publish_seconds(settings),
                        reason="master_key_lost",
                        now=now,
                    ),
                ),
            )
        )
        if not outcome.applied:
            raise StorageUnavailable(reason=f"the ring changed meanwhile ({outcome.refused_by})")
        return Reset(outcome.integer(0), len(lost), accounts)
    finally:
        await storage.close()


async def _rewrap_keys(storage: Storage, master_key: MasterKey, audit: Audit, clock: Clock) -> int:
    for _ in range(_MOST_PASSES):
        stale = [record for record in await storage.keys.all() if _is_stale(record, master_key)]
        if not stale:
            return 0
        changes = [_rewrapped(storage, record, master_key) for record in stale]
        event = audit.event(
            "master_key.rewrapped", actor=COMMAND_LINE, at=int(clock.now()), detail={"keys": len(stale)}
        )
        if (await storage.apply(Unit("rewrap_keys", (*changes, event)))).applied:
            return len(stale)
        # A key was erased meanwhile, as a rotation does: look again.
    raise StorageUnavailable(reason="the ring changes all the time")


def _rewrapped(storage: Storage, record: KeyRecord, master_key: MasterKey) -> Change:
    private = master_key.unwrap(record.private_wrapped or b"", purpose=record.use, key_id=record.kid)
    return storage.keys.rewrap(record.kid, master_key.wrap(private, purpose=record.use, key_id=record.kid))


async def _rewrap_accounts(
    storage: Storage, master_key: MasterKey, audit: Audit, clock: Clock, progress: Progress
) -> int:
    done = 0
    async for page in _pages(storage):
        changes = []
        for account in page:
            stale, sub = account.personal_key_wrapped, account.sub
            if not _is_current(account, master_key):
                key = master_key.unwrap(stale, purpose=PERSONAL_KEY_PURPOSE, key_id=sub)
                fresh = master_key.wrap(key, purpose=PERSONAL_KEY_PURPOSE, key_id=sub)
                changes.append(storage.accounts.reseal(sub, stale, fresh))
        done += await _reseal(storage, audit, clock, "master_key.rewrapped", changes)
        progress(len(page))
    return done


async def _replace_personal_keys(
    storage: Storage, master_key: MasterKey, audit: Audit, clock: Clock, progress: Progress
) -> int:
    done = 0
    async for page in _pages(storage):
        changes = [
            storage.accounts.reseal(
                account.sub, account.personal_key_wrapped, audit.new_personal_key(account.sub)
            )
            for account in page
            if not master_key.opens(
                account.personal_key_wrapped, purpose=PERSONAL_KEY_PURPOSE, key_id=account.sub
            )
        ]
        done += await _reseal(storage, audit, clock, "master_key.reset", changes)
        progress(len(page))
    return done


async def _reseal(storage: Storage, audit: Audit, clock: Clock, event: str, changes: list[Change]) -> int:
    if changes:
        detail = {"accounts": len(changes)}
        row = audit.event(event, actor=COMMAND_LINE, at=int(clock.now()), detail=detail)
        await storage.apply(Unit("reseal_accounts", (*changes, row)))
    return len(changes)


async def _pages(storage: Storage) -> AsyncIterator[list[AccountRecord]]:
    after: str | None = None
    while page := await storage.accounts.page(after, _PAGE):
        yield page
        after = page[-1].sub


def _is_stale(record: KeyRecord, master_key: MasterKey) -> bool:
    return record.private_wrapped is not None and not master_key.is_current(
        record.private_wrapped, purpose=record.use, key_id=record.kid
    )


def _is_lost(record: KeyRecord, master_key: MasterKey) -> bool:
    return record.private_wrapped is not None and not master_key.opens(
        record.private_wrapped, purpose=record.use, key_id=record.kid
    )


def _is_current(account: AccountRecord, master_key: MasterKey) -> bool:
    return master_key.is_current(
        account.personal_key_wrapped, purpose=PERSONAL_KEY_PURPOSE, key_id=account.sub
    )
