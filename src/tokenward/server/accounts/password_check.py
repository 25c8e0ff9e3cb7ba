"""Asking a signed-in person for the password again, before what a copied access token must not be enough for.

Guessing here is throttled and written down like a login.
"""

import contextlib
from collections.abc import AsyncIterator

from tokenward.clock import Clock
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.password_hasher import InvalidCredentials, PasswordHasher
from tokenward.server.audit import Audit
from tokenward.server.rate_limit import LoginThrottle, Taken
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Origin
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord
from tokenward.server.storage.units import Change, Unit


class PasswordCheck:
    """Verifies the current password of an account that is signed in."""

    def __init__(
        self,
        *,
        storage: Storage,
        accounts: Accounts,
        hasher: PasswordHasher,
        login_throttle: LoginThrottle,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._accounts = accounts
        self._hasher = hasher
        self._login_throttle = login_throttle
        self._audit = audit
        self._clock = clock

    @contextlib.asynccontextmanager
    async def verified(
        self,
        account: AccountRecord,
        password: str,
        *,
        sid: bytes,
        origin: Origin,
        address: str,
        request_id: str,
    ) -> AsyncIterator[tuple[Change, ...]]:
        """Hold a place in the throttle while what needs the password of `account` is done.

        Gives the changes that forgive earlier failures, for the unit that is written then, unless that erases the
        account. `account` must have been read before: whether it changed since is for that unit to see.

        Raises:
            Overloaded, RateLimited: nothing was verified, and nothing is held against anybody.
            InvalidCredentials: the password is wrong, or the account has none.
        """
        self._hasher.check_room()
        taken = await self._login_throttle.take(account.email or account.username or "", address)
        try:
            await self._verify(account, password, taken, sid, origin, request_id)
            yield self._login_throttle.succeeded(taken)
        finally:
            self._login_throttle.release(taken)

    async def _verify(
        self, account: AccountRecord, password: str, taken: Taken, sid: bytes, origin: Origin, request_id: str
    ) -> None:
        try:
            await self._accounts.verify_password(account, password)
        except InvalidCredentials as error:
            event = self._audit.event(
                "account.password_check_failed",
                actor=account.sub,
                at=int(self._clock.now()),
                subject=account.sub,
                sid=sid_text(sid),
                request_id=request_id,
                detail={"reason": error.reason},
                personal=origin._asdict(),
                personal_key=account.personal_key_wrapped,
            )
            changes = (event, *self._login_throttle.failed(taken))
            await self._storage.apply(Unit("note_failed_password_check", changes))
            raise
