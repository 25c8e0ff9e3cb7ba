"""The revocation log as this server holds it: every live record in memory, and never behind the table."""

from tokenward.clock import Clock
from tokenward.server.audit import Audit
from tokenward.server.storage.interface import Position, Storage
from tokenward.server.storage.units import Change, Unit
from tokenward.tokens.revocation_set import RevocationSet

# No access token lives longer, whatever a setting said when it was issued. A shorter figure would have to be
# remembered over restarts: a record dropped early brings a revoked token back to life.
LONGEST_TOKEN_SECONDS = 3600

# A verifier may allow 300 s of leeway and its clock may be wrong by another 300 s.
DROP_MARGIN_SECONDS = 600

_RECORDS_A_READ = 2000


class RevocationLog:
    """Writes revocation records, and keeps the set that this server's own verifier asks.

    `revoked` is that set. It is complete as of the last `catch_up`, which costs one look at the storage when
    nothing was written meanwhile, by this process or by a command in another one.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self.revoked = RevocationSet()
        self._storage = storage
        self._clock = clock
        self._seen: Position | None = None

    def record(self, scope: str, value: str, reason: str) -> Change:
        """A record of `scope` (`token`, `session`, `key`, `subject`, …) as a change for the unit that revokes.

        Its number is given when the unit is written and stands in the outcome's row. `reason` is a short slug for
        operators and holds nothing personal.
        """
        now = int(self._clock.now())
        drop_after = now + LONGEST_TOKEN_SECONDS + DROP_MARGIN_SECONDS
        return self._storage.revocations.add(
            scope=scope, value=value, drop_after=drop_after, reason=reason, at=now
        )

    async def revoke_token(self, jti: str, *, reason: str, actor: str, audit: Audit) -> int:
        """Revoke one access token by its `jti`; the number of the record. Whether it exists is not known here."""
        event = audit.event(
            "token.revoked", actor=actor, at=int(self._clock.now()), detail={"jti": jti, "reason": reason}
        )
        unit = Unit("revoke_token", (self.record("token", jti, reason), event))
        return (await self._storage.apply(unit)).integer(0)

    async def catch_up(self) -> Position:
        """Apply what was written since the last call, and return how far the storage is.

        Raises:
            StorageUnavailable: the storage cannot be read; nobody may then be told that a token is good.
        """
        position = await self._storage.position()
        if position is not self._seen:
            while self.revoked.applied < position.n:
                records = await self._storage.revocations.after(self.revoked.applied, _RECORDS_A_READ)
                if not records:
                    self.revoked.applied = position.n
                self.revoked.apply(records)
            self._seen = position
        return position

    async def sweep(self, limit: int) -> int:
        """Drop records that no living token can match any more, at most `limit` of them from the table; how many."""
        now = int(self._clock.now())
        self.revoked.drop_expired(now)
        unit = Unit("sweep_revocations", (self._storage.revocations.sweep(now=now, limit=limit),))
        return (await self._storage.apply(unit)).counts[0]
