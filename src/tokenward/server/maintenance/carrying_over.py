"""What a restore must not undo: accounts that were erased or disabled after the backup was made.

The backup has them as they were. The database that it replaces knows better, where it can still be read: a person who
was erased stays erased, and who was kept out stays out. Passwords, roles and names are those of the backup.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.server.accounts.accounts import AccountNotFound
from tokenward.server.accounts.erasure import Erasure
from tokenward.server.audit import COMMAND_LINE, Audit
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.sqlite_connection import open_read_only
from tokenward.server.storage.units import Unit

_REASON = "restored"


class Since(NamedTuple):
    """The `sub` of each account that the replaced database calls erased, and of each that it calls disabled."""

    erased: tuple[str, ...]
    disabled: tuple[str, ...]


class CarriedOver(NamedTuple):
    """How many accounts of the backup were erased again, and how many disabled again."""

    erased: int
    disabled: int


def read_since(database: Path) -> Since | None:
    """What the database that is about to be replaced knows; `None` where it cannot be read.

    Only what it says in so many words counts. An account that it merely does not have may have been made after
    it: the database in the way may be a wrong backup, restored a minute ago.
    """
    if not database.exists():
        return None
    try:
        with contextlib.closing(open_read_only(database)) as connection:
            erased = connection.execute("SELECT DISTINCT subject FROM audit WHERE event = 'account.erased'")
            disabled = connection.execute("SELECT sub FROM accounts WHERE disabled_at IS NOT NULL")
            return Since(tuple(row[0] for row in erased), tuple(row[0] for row in disabled))
    except sqlite3.Error:
        return None


async def carry_over(since: Since, storage: Storage, audit: Audit, clock: Clock) -> CarriedOver:
    """Do it again in the restored database, where the account is there: each account in one unit, and audited."""
    revocations = RevocationLog(storage, clock)
    erasure = Erasure(storage=storage, audit=audit, revocations=revocations, clock=clock)
    erased = disabled = 0
    for sub in since.erased:
        with contextlib.suppress(AccountNotFound):
            await erasure.erase(sub, actor=COMMAND_LINE, reason=_REASON)
            erased += 1
    for sub in since.disabled:
        account = await storage.accounts.find(sub)
        if account is None or account.disabled_at is not None:
            continue
        now = int(clock.now())
        event = audit.event(
            "account.disabled", actor=COMMAND_LINE, at=now, subject=sub, detail={"reason": _REASON}
        )
        # Every session and token of the backup is dead already, so there is nothing else to end.
        await storage.apply(Unit("disable_again", (storage.accounts.set_disabled(sub, now), event)))
        disabled += 1
    return CarriedOver(erased, disabled)
