"""Erasing an account: the row, its sessions, and the key without which its audit rows tell nothing of the person.

What is left is the `sub`, which is random, in audit rows and in one revocation record. A copy of the database that was
made before is not reached from here; `docs/explain/erasure.md` says what that means.
"""

from tokenward.clock import Clock
from tokenward.server.accounts.accounts import AccountNotFound
from tokenward.server.accounts.administration import apply_as_admin
from tokenward.server.audit import Audit
from tokenward.server.rate_limit import forget_logins
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.sessions.sessions import Ended
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.units import Unit


class Erasure:
    """Erases accounts for good."""

    def __init__(self, *, storage: Storage, audit: Audit, revocations: RevocationLog, clock: Clock) -> None:
        self._storage = storage
        self._audit = audit
        self._revocations = revocations
        self._clock = clock

    async def erase(
        self,
        sub: str,
        *,
        actor: str,
        request_id: str = "",
        reason: str = "account_erased",
        as_admin: str | None = None,
    ) -> Ended:
        """Erase the account, end its sessions and refuse its tokens, in one unit; there is no way back.

        Returns how many sessions were there and the number of the record that refuses their tokens. Then asks the
        storage to overwrite what was deleted. Who may do this is not checked here, but for the administrator
        `as_admin`, who must be one in that very unit and must leave one.

        Raises:
            InsufficientRole, LastAdmin: with `as_admin` only.
            AccountNotFound: there is no such account (any more); of two who erase it at once one gets this.
        """
        while True:
            account = await self._storage.accounts.find(sub)
            if account is None:
                raise AccountNotFound
            logins = [login for login in (account.email, account.username) if login is not None]
            changes = (
                self._storage.sessions.delete_all_of_account(sub),
                # Compared with what was read: a user name that changed meanwhile must be forgotten as well.
                self._storage.accounts.delete(sub, username_folded=account.username_folded),
                self._revocations.record("subject", sub, reason),
                # Without personal data: the key that would seal it goes with this unit.
                self._audit.event(
                    "account.erased",
                    actor=actor,
                    at=int(self._clock.now()),
                    subject=sub,
                    request_id=request_id,
                    detail={"reason": reason},
                ),
                *forget_logins(self._storage, logins),
            )
            unit = Unit("erase_account", changes)
            if as_admin is None:
                outcome = await self._storage.apply(unit)
            else:
                outcome = await apply_as_admin(self._storage, as_admin, unit)
            if outcome.applied:
                await self._storage.scrub()
                return Ended(outcome.counts[0], outcome.integer(2))
