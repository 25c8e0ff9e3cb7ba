"""Accounts as a service: every change is one unit with its audit row and with what it revokes."""

import contextlib
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import msgspec

from tokenward.clock import Clock
from tokenward.errors import Error, InvalidRequest
from tokenward.protocol.errors import ACCOUNT_EXISTS, EXTERNAL_ID_TAKEN, NOT_FOUND
from tokenward.server.accounts.new_account import new_account
from tokenward.server.accounts.password_hasher import InvalidCredentials, Overloaded, PasswordHasher
from tokenward.server.accounts.passwords import PasswordRules, find_normalized
from tokenward.server.accounts.profile import (
    check_name,
    check_roles,
    check_username,
    find_login,
    fold_login,
)
from tokenward.server.audit import SYSTEM, Audit
from tokenward.server.rate_limit import forget_logins
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord
from tokenward.server.storage.units import Change, Outcome, Unit

_MOST_IN_A_PAGE = 200


class AccountExists(Error):
    """The e-mail address or the user name is taken, perhaps in other letters of upper and lower case."""

    code = ACCOUNT_EXISTS
    status = 409
    description = (
        "An account with this e-mail address or user name exists already. Sign in, or choose another."
    )


class ExternalIdTaken(Error):
    """Another account is linked to this external id."""

    code = EXTERNAL_ID_TAKEN
    status = 409
    description = "Another account is linked to this external id. One row of an application has one account."


class AccountNotFound(Error):
    """There is no account with this `sub` (any more)."""

    code = NOT_FOUND
    status = 404
    description = "There is no such account."


class Page(NamedTuple):
    """Accounts in the order of `sub`; `next_cursor` is the `after` of the page that follows, or `None`."""

    items: tuple[AccountRecord, ...]
    next_cursor: str | None


class Accounts:
    """Creates, finds and changes accounts, and verifies their passwords.

    Who may ask for a change is not checked here: the endpoint or command that calls knows who acts, and says
    so in `actor` (a `sub`, or one of the actors that `server.audit` names). `request_id` is the one the user
    sees.
    """

    def __init__(
        self,
        storage: Storage,
        hasher: PasswordHasher,
        rules: PasswordRules,
        audit: Audit,
        revocation_log: RevocationLog,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._hasher = hasher
        self._rules = rules
        self._audit = audit
        self._revocation_log = revocation_log
        self._clock = clock

    async def create(
        self,
        *,
        password: str,
        email: str | None = None,
        username: str | None = None,
        name: str = "",
        roles: Iterable[str] = (),
        external_id: str | None = None,
        actor: str,
        request_id: str = "",
    ) -> AccountRecord:
        """Create an enabled account with an e-mail address or a user name, or both, and return it.

        Does not verify that the address is the caller's, does not ask whether registration is open, and does
        not throttle. Empty `actor` means that the account creates itself.

        Raises:
            InvalidRequest: neither login is given, or a member has not the form it must have.
            WeakPassword: the password breaks a rule.
            AccountExists, ExternalIdTaken: a login, or the external id, is taken.
            Overloaded: too many passwords are being hashed; nothing was done.
        """
        if email is None and username is None:
            msg = "Give `email` or `username`: an account needs one of them to sign in with."
            raise InvalidRequest(msg, reason="no login")
        record = new_account(
            self._audit,
            email=email,
            username=username,
            name=name,
            roles=tuple(roles),
            external_id=external_id,
            now=self._now(),
        )
        normalized = self._check_password(password, record)
        # Only saves the cost of a hash; what decides is the insert.
        for login in (record.email_folded, record.username_folded):
            if login is not None and await self._storage.accounts.find_by_login(login) is not None:
                raise AccountExists
        await self._check_not_linked(external_id)
        record = record._replace(password_hash=await self._hasher.hash(normalized))
        outcome = await self._apply(
            "create_account",
            self._storage.accounts.insert(record),
            self._event("account.created", record, actor or record.sub, request_id, roles=record.roles),
        )
        if not outcome.applied:
            await self._check_not_linked(external_id)
            raise AccountExists
        return record

    async def _check_not_linked(self, external_id: str | None) -> None:
        if external_id is not None and await self._storage.accounts.find_by_external_id(external_id):
            raise ExternalIdTaken

    async def find_by_login(self, login: str) -> AccountRecord | None:
        """The account with this e-mail address or user name, in any case; `None` for what can be no login."""
        folded = find_login(login)
        return None if folded is None else await self._storage.accounts.find_by_login(folded)

    async def get(self, sub: str) -> AccountRecord:
        """The account with this `sub`, disabled or not.

        Raises:
            AccountNotFound: there is none.
        """
        record = await self._storage.accounts.find(sub)
        if record is None:
            raise AccountNotFound
        return record

    async def get_as_of_position(self, sub: str) -> AccountRecord:
        """As `get`, but as of the last look at the storage's position, which the guard takes for every request.

        Raises:
            AccountNotFound: there is none.
        """
        record = await self._storage.accounts.find_as_of_position(sub)
        if record is None:
            raise AccountNotFound
        return record

    async def page(self, after: str | None = None, limit: int = 50) -> Page:
        """At most `limit` (1 to 200) accounts beyond the cursor `after`, disabled ones included.

        Raises:
            InvalidRequest: `limit` is out of bounds.
        """
        if not 1 <= limit <= _MOST_IN_A_PAGE:
            msg = f"`limit` must be from 1 to {_MOST_IN_A_PAGE}."
            raise InvalidRequest(msg, reason="limit")
        records = await self._storage.accounts.page(after, limit + 1)
        items = tuple(records[:limit])
        return Page(items, items[-1].sub if len(records) > limit else None)

    async def verify_password(self, record: AccountRecord | None, password: str) -> AccountRecord:
        """Verify the password of an account found before (`None`: of none), and return that account.

        It is returned as it was *before* the password was checked. A session must be started with its
        cut-off: if the password is changed meanwhile, the cut-offs differ and the session is refused, so that
        an old password starts none. The hash is replaced when its parameters are not today's. Does not
        throttle: take from `server.rate_limit.LoginThrottle` first. Does not hold the rules for new passwords
        against old ones.

        Raises:
            InvalidCredentials: wrong password, no account, or a disabled one: the same in answer and in time.
            Overloaded: too many passwords are being hashed; nothing was done.
        """
        normalized = find_normalized(password)
        stored = None if record is None or normalized is None else record.password_hash
        try:
            # Done in every case, also for a disabled account: an answer that comes at once would tell whoever
            # guesses which accounts exist and which of them are worth waiting for.
            verified = await self._hasher.verify(normalized or "", stored, typed=password)
        except InvalidCredentials as error:
            raise InvalidCredentials(reason=_why_refused(record, error.reason)) from None
        if record is None or record.disabled_at is not None:
            raise InvalidCredentials(reason=_why_refused(record, "right password"))
        if verified.needs_rehash and stored is not None:
            await self._rehash(record, stored, normalized or "")
        return record

    async def hash_password(self, record: AccountRecord, password: str) -> str:
        """The hash of a new password for this account. Raises WeakPassword, Overloaded."""
        return await self._hasher.hash(self._check_password(password, record))

    async def set_password(self, sub: str, password: str, *, actor: str, request_id: str = "") -> int:
        """Set a new password and end all sessions; the old password is not asked for here.

        Returns the number of the revocation record, from which on every access token of before is refused.

        Raises:
            AccountNotFound: there is no such account.
            WeakPassword: the password breaks a rule.
            Overloaded: too many passwords are being hashed; nothing was done.
        """
        record = await self.get(sub)
        password_hash = await self.hash_password(record, password)
        now = self._now()
        return await self._revoke_and_apply(
            "set_password",
            sub,
            "password_changed",
            self._storage.accounts.set_password(sub, password_hash, now),
            self._storage.accounts.raise_cutoff(sub),
            self._storage.sessions.end_all_of_account(sub, now),
            self._event("account.password_changed", record, actor, request_id),
        )

    async def set_disabled(self, sub: str, *, disabled: bool, actor: str, request_id: str = "") -> int | None:
        """Disable an account, which ends its sessions for good, or enable it, which brings none of them back.

        Returns the number of the revocation record, or `None` when the account was enabled.

        Raises:
            AccountNotFound: there is no such account.
        """
        record = await self.get(sub)
        if not disabled:
            await self._apply_to(
                sub,
                "enable_account",
                self._storage.accounts.set_disabled(sub, None),
                self._event("account.enabled", record, actor, request_id),
            )
            return None
        now = self._now()
        return await self._revoke_and_apply(
            "disable_account",
            sub,
            "account_disabled",
            self._storage.accounts.set_disabled(sub, now),
            self._storage.accounts.raise_cutoff(sub),
            self._storage.sessions.end_all_of_account(sub, now),
            self._event("account.disabled", record, actor, request_id),
        )

    async def set_roles(self, sub: str, roles: Iterable[str], *, actor: str, request_id: str = "") -> int:
        """Replace the roles, and refuse access tokens with the old ones; sessions go on and get the new ones.

        Returns the number of the revocation record.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: too many roles, or one that is no role name.
        """
        wanted = check_roles(roles)
        record = await self.get(sub)
        return await self._revoke_and_apply(
            "set_roles",
            sub,
            "roles_changed",
            self._storage.accounts.set_roles(sub, msgspec.json.encode(wanted).decode(), self._now()),
            self._event(
                "account.roles_changed", record, actor, request_id, before=record.roles, after=wanted
            ),
        )

    async def update_profile(
        self,
        sub: str,
        *,
        name: str | None = None,
        username: str | None = None,
        actor: str,
        request_id: str = "",
        permit: Callable[[], Awaitable[None]] | None = None,
    ) -> AccountRecord:
        """Change the name or the user name (`None` leaves it as it is), and return the account as it is then.

        `permit` is asked before a change is written, and raises to refuse it.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: a member has not the form it must have.
            AccountExists: the user name is taken.
        """
        record = await self.get(sub)
        now = self._now()
        name = None if name is None else check_name(name)
        username = None if username is None else check_username(username)
        wanted = {"name": (name, record.name), "username": (username, record.username)}
        members = [member for member, (new, old) in wanted.items() if new is not None and new != old]
        if not members:
            return record
        if permit is not None:
            await permit()
        # Only what is asked for is written, so that two changes at once do not undo each other.
        outcome = await self._apply(
            "update_profile",
            self._storage.accounts.set_profile(
                sub,
                name if "name" in members else None,
                username if "username" in members else None,
                fold_login(username) if username is not None and "username" in members else None,
                now,
            ),
            self._event(
                "account.profile_changed",
                record._replace(name=name or record.name, username=username or record.username),
                actor,
                request_id,
                members=members,
            ),
            # The next to have the name is somebody else, and an erasure later knows the name of then only.
            *forget_logins(
                self._storage, [record.username] if record.username and "username" in members else []
            ),
        )
        changed = await self.get(sub)
        if not outcome.applied:
            if changed.disabled_at is not None:
                raise AccountNotFound(reason="account disabled")
            raise AccountExists
        return changed

    def _check_password(self, password: str, record: AccountRecord) -> str:
        known = (text for text in (record.email, record.username, record.name) if text)
        return self._rules.check_password(password, context=known)

    def _event(
        self, event: str, record: AccountRecord, actor: str, request_id: str, **detail: object
    ) -> Change:
        personal = {"email": record.email, "username": record.username, "name": record.name}
        personal["external_id"] = record.external_id
        return self._audit.event(
            event,
            actor=actor,
            at=self._now(),
            subject=record.sub,
            request_id=request_id,
            detail=detail,
            personal={member: value for member, value in personal.items() if value},
            personal_key=record.personal_key_wrapped,
        )

    async def _rehash(self, record: AccountRecord, stored: str, normalized: str) -> None:
        # A right password must not be refused because there is no room to improve its hash now.
        with contextlib.suppress(Overloaded):
            better = await self._hasher.hash(normalized)
            await self._apply(
                "rehash_password",
                # Of several sign-ins at once one replaces it, and only that one is told of.
                self._storage.accounts.rehash(record.sub, stored, better)._replace(expects=1),
                self._event("account.password_rehashed", record, SYSTEM, ""),
            )

    async def _revoke_and_apply(self, name: str, sub: str, reason: str, *changes: Change) -> int:
        revocation = self._revocation_log.record("subject", sub, reason)
        outcome = await self._apply_to(sub, name, *changes, revocation)
        return outcome.integer(len(changes))

    async def _apply_to(self, sub: str, name: str, *changes: Change) -> Outcome:
        outcome = await self._apply(name, *changes)
        if not outcome.applied:
            raise AccountNotFound(reason=f"{sub} is gone: {outcome.refused_by} changed no row")
        return outcome

    async def _apply(self, name: str, *changes: Change) -> Outcome:
        return await self._storage.apply(Unit(name, changes))

    def _now(self) -> int:
        return int(self._clock.now())


def _why_refused(record: AccountRecord | None, password_was: str) -> str:
    if record is None:
        return "no such account"
    return password_was if record.disabled_at is None else f"account disabled, {password_was}"
