"""A person changes the password: the current one is asked for, and guessing it here is throttled like a login."""

from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.errors import InvalidToken
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.password_check import PasswordCheck
from tokenward.server.accounts.password_hasher import InvalidCredentials
from tokenward.server.audit import Audit
from tokenward.server.rate_limit import ChangeThrottle
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.sessions.keeping import SessionKeeping
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Ended, Origin, Refreshed
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord
from tokenward.server.storage.units import Change, Unit

_REASON = "password_changed"
# The unit is tried again only when the kept session was refreshed under it, which its client does once or twice.
_MOST_TRIES = 5


class PasswordChanged(NamedTuple):
    """The kept session, to issue fresh tokens for, and what ended."""

    refreshed: Refreshed
    ended: Ended


class PasswordChange:
    """Changes the password of a signed-in account."""

    def __init__(
        self,
        *,
        storage: Storage,
        accounts: Accounts,
        password_check: PasswordCheck,
        change_throttle: ChangeThrottle,
        keeping: SessionKeeping,
        revocations: RevocationLog,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._storage = storage
        self._accounts = accounts
        self._password_check = password_check
        self._change_throttle = change_throttle
        self._keeping = keeping
        self._revocations = revocations
        self._audit = audit
        self._clock = clock

    async def change(
        self,
        account: AccountRecord,
        *,
        sid: bytes,
        current: str,
        new: str,
        end_others: bool,
        origin: Origin,
        address: str,
        request_id: str,
    ) -> PasswordChanged:
        """Replace the password of `account`, which must have been read before; the session `sid` goes on.

        Every access token of before is refused, also those of this session. The other sessions end, or with
        `end_others=False` go on with a refresh.

        Raises:
            Overloaded, RateLimited: nothing was verified, or nothing was changed.
            InvalidCredentials: the current password is wrong, or was replaced meanwhile.
            WeakPassword: the new one breaks a rule.
            InvalidToken: the session ended meanwhile.
        """
        verified = self._password_check.verified(
            account, current, sid=sid, origin=origin, address=address, request_id=request_id
        )
        try:
            async with verified as also:
                password_hash = await self._accounts.hash_password(account, new)
                await self._change_throttle.take(account.sub, "password")
                return await self._apply(account, password_hash, sid, end_others, origin, request_id, also)
        except InvalidGrant as error:
            raise InvalidToken(reason=error.reason) from None

    async def _apply(
        self,
        account: AccountRecord,
        password_hash: str,
        sid: bytes,
        end_others: bool,
        origin: Origin,
        request_id: str,
        also: tuple[Change, ...],
    ) -> PasswordChanged:
        sub, cutoff = account.sub, account.cutoff + 1
        for _ in range(_MOST_TRIES):
            now_ms = int(self._clock.now() * 1000)
            now = now_ms // 1000
            kept = await self._keeping.get(sid, sub=sub, now=now)
            if kept.session.account_cutoff != account.cutoff:
                # The session lives, so another change of the password kept it: the one that was verified is old.
                raise InvalidCredentials(reason="password changed meanwhile")
            outcome = await self._storage.apply(
                Unit(
                    "change_password",
                    (
                        # Refused when the cut-off moved since before the current password was verified: of two
                        # changes at once one is made, and what that one ended stays ended.
                        self._storage.accounts.change_password(sub, password_hash, account.cutoff, now),
                        self._storage.sessions.end_others_of_account(sub, sid, now)
                        if end_others
                        else self._storage.sessions.adopt_cutoff_of_others(sub, sid, cutoff),
                        self._revocations.record("subject", sub, _REASON),
                        *self._keeping.changes(kept, cutoff=cutoff, origin=origin, now_ms=now_ms),
                        self._audit.event(
                            "account.password_changed",
                            actor=sub,
                            at=now,
                            subject=sub,
                            sid=sid_text(sid),
                            request_id=request_id,
                            detail={"other_sessions": "ended" if end_others else "kept"},
                            personal=origin._asdict(),
                            personal_key=account.personal_key_wrapped,
                        ),
                        *also,
                    ),
                )
            )
            if outcome.applied:
                refreshed = await self._keeping.refreshed(kept, now=now)
                return PasswordChanged(
                    refreshed, Ended(outcome.counts[1] if end_others else 0, outcome.integer(2))
                )
        raise InvalidGrant(reason="the session changed at every try")
