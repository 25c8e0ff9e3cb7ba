"""The revocation log as this server holds it: every live record in memory, and never behind the table."""

from tokenward.clock import Clock
from tokenward.errors import Error
from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.audit import Audit
from tokenward.server.observation.events import SCOPES
from tokenward.server.storage.interface import Position, Storage
from tokenward.server.storage.units import Change, Unit
from tokenward.tokens.revocation_set import RevocationSet

# No access token lives longer, whatever a setting said when it was issued. A shorter figure would have to be
# remembered over restarts: a record dropped early brings a revoked token back to life.
LONGEST_TOKEN_SECONDS = 3600

# A verifier may allow 300 s of leeway and its clock may be wrong by another 300 s.
DROP_MARGIN_SECONDS = 600

# This server keeps a record so much longer: a clock that is set back by an hour while it runs makes the tokens of that
# hour good again, and those that were revoked must not be among them.
SET_BACK_MARGIN_SECONDS = 3600

_RECORDS_A_READ = 2000


class UnknownClient(Error):
    """There is no such client."""

    code = NOT_FOUND
    status = 404
    description = "There is no such client."


class RevocationLog:
    """Writes revocation records, and keeps the set that this server's own verifier asks.

    `revoked` is that set. It is complete as of the last `catch_up`, which costs one look at the storage when
    nothing was written meanwhile, by this process or by a command in another one. `seen` counts by scope
    what was written since the first call, whoever wrote it.
    """

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self.revoked = RevocationSet()
        self.seen = dict.fromkeys(SCOPES, 0)
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

    async def revoke_token(
        self, jti: str, *, reason: str, actor: str, audit: Audit, request_id: str = ""
    ) -> int:
        """Revoke one access token by its `jti`; the number of the record. Whether it exists is not known here."""
        event = audit.event(
            "token.revoked",
            actor=actor,
            at=int(self._clock.now()),
            request_id=request_id,
            detail={"jti": jti, "reason": reason},
        )
        return await self._revoke("token", jti, reason, event)

    async def revoke_client(
        self, client_id: str, *, reason: str, actor: str, audit: Audit, request_id: str = ""
    ) -> int:
        """End every session of a client and refuse its tokens; the number of the record.

        One increment of the client's cut-off, however many sessions there are.

        Raises:
            UnknownClient: there is no such client.
        """
        event = audit.event(
            "client.revoked",
            actor=actor,
            at=int(self._clock.now()),
            request_id=request_id,
            detail={"client_id": client_id, "reason": reason},
        )
        return await self._revoke(
            "client", client_id, reason, event, self._storage.clients.raise_cutoff(client_id)
        )

    async def revoke_audience(
        self, audience: str, *, reason: str, actor: str, audit: Audit, request_id: str = ""
    ) -> int:
        """Refuse every access token for an audience; the number of the record.

        Sessions go on and get new tokens. Whether anything has this audience is not known here.
        """
        event = audit.event(
            "audience.revoked",
            actor=actor,
            at=int(self._clock.now()),
            request_id=request_id,
            detail={"audience": audience, "reason": reason},
        )
        return await self._revoke("audience", audience, reason, event)

    async def revoke_all(self, *, reason: str, actor: str, audit: Audit, request_id: str = "") -> int:
        """End every session of everybody and refuse every access token; the number of the record."""
        event = audit.event(
            "everything.revoked",
            actor=actor,
            at=int(self._clock.now()),
            request_id=request_id,
            detail={"reason": reason},
        )
        return await self._revoke("all", "", reason, event, self._storage.clients.raise_all_cutoffs())

    async def _revoke(self, scope: str, value: str, reason: str, *changes: Change) -> int:
        unit = Unit(f"revoke_{scope}", (self.record(scope, value, reason), *changes))
        outcome = await self._storage.apply(unit)
        if not outcome.applied:
            raise UnknownClient(reason=f"{outcome.refused_by} changed no row")
        return outcome.integer(0)

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
                if self._seen is not None:
                    for record in records:
                        self.seen[record.scope] += 1
            self._seen = position
        return position

    async def sweep(self, limit: int) -> int:
        """Drop records that no living token can match any more, at most `limit` of them; how many left the table."""
        now = int(self._clock.now()) - SET_BACK_MARGIN_SECONDS
        self.revoked.drop_expired(now, limit=limit)
        unit = Unit("sweep_revocations", (self._storage.revocations.sweep(now=now, limit=limit),))
        return (await self._storage.apply(unit)).counts[0]
