"""Accounts of another system: what a row must be, whether it is here already, and its creation.

Owns the checks and the writing. Does not own files and their formats, which are `maintenance.import_formats`'.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from tokenward.errors import InvalidRequest
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.foreign_hashes import ForeignHash, UnusableHash, read_foreign
from tokenward.server.accounts.import_refusals import RowRefused
from tokenward.server.accounts.linking import find_linked
from tokenward.server.accounts.new_account import new_account
from tokenward.server.accounts.profile import (
    ADMIN,
    check_email,
    check_external_id,
    check_name,
    check_roles,
    check_username,
    fold_login,
)
from tokenward.server.audit import COMMAND_LINE
from tokenward.server.storage.records import AccountRecord
from tokenward.server.storage.units import Unit

IMPORTED = "account.imported"

_TRUE = frozenset({"true", "t", "yes", "y", "1"})
_FALSE = frozenset({"false", "f", "no", "n", "0", ""})
# The clock of the other system may have been a little before ours.
_AHEAD_SECONDS = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Fields(NamedTuple):
    """What a row says of an account, not checked at all; `None` is what it does not say."""

    email: object = None
    username: object = None
    name: object = None
    roles: object = None
    password_hash: object = None
    created_at: object = None
    disabled: object = None
    external_id: object = None


class Allowed(NamedTuple):
    """What an operator allows that is refused otherwise."""

    admin: bool = False
    no_password: bool = False


class CheckedRow(NamedTuple):
    """A row as it can be stored. `logins` are its one or two logins, folded; no two accounts have one `external_id`."""

    email: str | None
    username: str | None
    name: str
    roles: tuple[str, ...]
    password: ForeignHash | None
    created_at: int
    disabled: bool
    logins: tuple[str, ...]
    external_id: str | None


def check_row(fields: Fields, allowed: Allowed, now: int) -> CheckedRow:
    """Return the row as it can be stored. Whether its logins are free is not checked here.

    Raises:
        RowRefused: a field is wrong; the code says which.
    """
    email, username = _text(fields.email), _text(fields.username)
    if email is None and username is None:
        raise RowRefused("no_login")
    roles = _roles(fields.roles)
    external_id = _text(fields.external_id)
    if ADMIN in roles and not allowed.admin:
        raise RowRefused("admin_role")
    try:
        return CheckedRow(
            email=None if email is None else check_email(email),
            username=None if username is None else check_username(username),
            name=check_name(_text(fields.name) or ""),
            roles=check_roles(roles),
            password=_password(fields.password_hash, allowed),
            created_at=_created_at(fields.created_at, now),
            disabled=read_flag(fields.disabled),
            logins=tuple(fold_login(login) for login in (email, username) if login is not None),
            external_id=None if external_id is None else check_external_id(external_id),
        )
    except RowRefused:
        raise
    except InvalidRequest as error:
        # These name the member that is wrong; a hash names what is wrong with it.
        code = error.reason if isinstance(error, UnusableHash) else f"invalid_{error.reason}"
        raise RowRefused(code) from None


def read_flag(value: object) -> bool:
    """What a flag says, as JSON or as any text that systems write for one; false where it says nothing.

    Raises:
        RowRefused: it is no flag.
    """
    if value is None or isinstance(value, bool):
        return bool(value)
    text = value.lower() if isinstance(value, str) else None
    if text not in _TRUE | _FALSE:
        raise RowRefused("invalid_flag")
    return text in _TRUE


class AccountImport:
    """Finds and creates accounts that come from another system.

    Who may import is not checked: a command calls, which runs as the owner of the database. Password rules do not
    apply, since nobody knows the passwords.
    """

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def find_imported(self, row: CheckedRow) -> bool:
        """Whether the account of this row was imported before; `False` when its logins and its external id are free.

        Raises:
            RowRefused: another account has the external id; or a login belongs to another account, or to one that was
                not imported. Whoever registered with the address of somebody who was still to come must not get the
                place.
        """
        found: dict[str, AccountRecord] = {}
        for login in row.logins:
            record = await self._accounts.find_by_login(login)
            if record is not None:
                found[record.sub] = record
        if not found:
            if row.external_id is not None and await find_linked(self._accounts, row.external_id) is not None:
                raise RowRefused("external_id_taken")
            return False
        if len(found) > 1 or not await self._was_imported(next(iter(found))):
            raise RowRefused("login_taken")
        return True

    async def create(self, rows: Sequence[CheckedRow]) -> list[bool]:
        """Create an account for each row, each whole or not at all, in one short commit; which of them were made.

        `False`: a login or the external id was taken meanwhile.

        Raises:
            StorageUnavailable: none of them was made.
        """
        units = [self._unit(row) for row in rows]
        outcomes = await asyncio.gather(*map(self._accounts._storage.apply, units), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return [not isinstance(outcome, BaseException) and outcome.applied for outcome in outcomes]

    async def _was_imported(self, sub: str) -> bool:
        events = await self._accounts._storage.audit.page_of_subject(sub, 0, 1)
        return bool(events) and events[0].event == IMPORTED

    def _unit(self, row: CheckedRow) -> Unit:
        accounts = self._accounts
        record = new_account(
            accounts._audit,
            email=row.email,
            username=row.username,
            name=row.name,
            roles=row.roles,
            external_id=row.external_id,
            now=accounts._now(),
        )
        record = record._replace(
            password_hash=None if row.password is None else row.password.stored,
            created_at=row.created_at,
            disabled_at=record.updated_at if row.disabled else None,
        )
        event = accounts._event(
            IMPORTED,
            record,
            COMMAND_LINE,
            "",
            roles=row.roles,
            disabled=row.disabled,
            password="none" if row.password is None else row.password.scheme,
        )
        return Unit("import_account", (accounts._storage.accounts.insert(record), event))


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RowRefused("wrong_type")
    return value


def _roles(value: object) -> tuple[str, ...]:
    """An array of names, or, as in a CSV file, names with spaces, commas or semicolons between them."""
    if value is None:
        return ()
    if isinstance(value, str):
        return tuple(value.replace(",", " ").replace(";", " ").split())
    if not isinstance(value, list) or not all(isinstance(role, str) for role in value):
        raise RowRefused("wrong_type")
    return tuple(value)


def _password(value: object, allowed: Allowed) -> ForeignHash | None:
    text = _text(value)
    if text is None:
        if not allowed.no_password:
            raise RowRefused("no_password")
        return None
    return read_foreign(text)


def _created_at(value: object, now: int) -> int:
    at: int | None = None
    if value is None or value == "":
        return now
    if isinstance(value, int) and not isinstance(value, bool):
        at = value
    elif isinstance(value, str) and value.isascii() and len(value) <= 40:
        with contextlib.suppress(ValueError):
            at = int(value) if value.isdigit() else _seconds(value)
    if at is None or not 0 <= at <= now + _AHEAD_SECONDS:
        raise RowRefused("invalid_created_at")
    return min(at, now)


def _seconds(text: str) -> int | None:
    moment = datetime.fromisoformat(text)
    # Without a zone nobody knows which moment it is.
    return None if moment.tzinfo is None else (moment - _EPOCH) // timedelta(seconds=1)
