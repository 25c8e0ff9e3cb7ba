"""Accounts as an administrator changes them.

Every change carries two conditions in its own unit, so that no race gets between them and the change: whoever asks is
an enabled administrator at that moment, and afterwards there still is one.
"""

import copy
from typing import Any, Protocol, TypeVar, cast

from tokenward.errors import Error, InvalidRequest
from tokenward.protocol.errors import INSUFFICIENT_ROLE, LAST_ADMIN
from tokenward.server.accounts.accounts import AccountNotFound, Accounts
from tokenward.server.accounts.profile import fold_login
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord
from tokenward.server.storage.units import Change, Outcome, Unit

_LONGEST_SEARCH = 254


class InsufficientRole(Error):
    """The account is none of an administrator (any more)."""

    code = INSUFFICIENT_ROLE
    status = 403
    description = "This needs an access token of an account with the role admin."


class LastAdmin(Error):
    """The change would leave nobody who can administer."""

    code = LAST_ADMIN
    status = 409
    description = (
        "This is the last enabled account with the role admin, and without one nobody could administer this server. "
        "Give the role to another account first."
    )


class Administration(Accounts):
    """The accounts, changed by the administrator `admin` (a `sub`).

    Every method of `Accounts` that changes something raises `InsufficientRole` as well, when the administrator was
    disabled or lost the role before the change was written (a password takes long to hash), and `LastAdmin`.
    """

    def __init__(self, accounts: Accounts, admin: str) -> None:
        super().__init__(
            accounts._storage,
            accounts._hasher,
            accounts._rules,
            accounts._audit,
            accounts._revocation_log,
            accounts._clock,
        )
        self._admin = admin

    async def _apply(self, name: str, *changes: Change) -> Outcome:
        return await apply_as_admin(self._storage, self._admin, Unit(name, changes))


async def apply_as_admin(storage: Storage, admin: str, unit: Unit) -> Outcome:
    """Apply a unit under the two conditions; the outcome is that of the unit without them.

    Raises:
        InsufficientRole: `admin` is no enabled administrator at this moment; nothing was changed.
        LastAdmin: no enabled administrator would be left; nothing was changed.
    """
    accounts = storage.accounts
    # First, since whoever takes the role from himself still has it then; last, since only then it shows who is left.
    changes = (accounts.check_admin(admin), *unit.changes, accounts.check_any_admin())
    outcome = await storage.apply(Unit(unit.name, changes))
    if outcome.refused_by == changes[0].statement:
        raise InsufficientRole(reason="no administrator any more")
    if outcome.refused_by == changes[-1].statement:
        raise LastAdmin
    return outcome._replace(rows=outcome.rows[1:-1], counts=outcome.counts[1:-1])


class _Written(Protocol):
    """A service that writes."""

    _storage: Storage


Service = TypeVar("Service", bound=_Written)


def as_admin(service: Service, admin: str) -> Service:
    """`service` as the administrator `admin` (a `sub`) works with it; it knows nothing of roles itself.

    What it returns shares everything with `service` but the way to write: every unit carries the two conditions, and so
    every method that changes something raises `InsufficientRole` and `LastAdmin` as well.
    """
    own = copy.copy(service)
    own._storage = cast("Storage", _StorageOfAdmin(service._storage, admin))
    return own


class _StorageOfAdmin:
    """The storage as an administrator writes to it. It has all else that the storage has, by delegation."""

    def __init__(self, storage: Storage, admin: str) -> None:
        self._storage = storage
        self._admin = admin

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    async def apply(self, unit: Unit) -> Outcome:
        """See `apply_as_admin`."""
        return await apply_as_admin(self._storage, self._admin, unit)


class AccountSearch:
    """Finds accounts by how their e-mail address or user name begins."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def page(
        self, prefix: str, after: str | None, limit: int
    ) -> tuple[list[AccountRecord], str | None]:
        """At most `limit` accounts by login, beyond the login `after`; and the `after` of the next page, or `None`.

        Upper and lower case do not count. Whether `limit` makes sense is not checked here.

        Raises:
            InvalidRequest: `prefix` is empty or can begin no login.
        """
        folded = check_prefix(prefix)
        records = await self._storage.accounts.search(folded, after, limit + 1)
        more = len(records) > limit
        return records[:limit], _login(records[limit - 1], folded) if more else None


def check_prefix(text: str) -> str:
    """Return what a login may begin with, folded as logins are.

    Raises:
        InvalidRequest: it is empty, too long, or cannot be stored as text.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        text = ""
    if not 0 < len(text) <= _LONGEST_SEARCH or "\x00" in text:
        msg = f"`search` must be the beginning of an e-mail address or user name, 1 to {_LONGEST_SEARCH} characters."
        raise InvalidRequest(msg, reason="search")
    return fold_login(text)


def _login(record: AccountRecord, prefix: str) -> str:
    """The login by which a search found the account."""
    for login in (record.email_folded, record.username_folded):
        if login is not None and login.startswith(prefix):
            return login
    raise AccountNotFound(reason="a search found an account that does not fit")
