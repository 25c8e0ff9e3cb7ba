"""What is written down when a refresh token looks as if somebody had copied it.

Whether it looks so is decided in `sessions`.
"""

from tokenward.server.audit import SYSTEM, Audit
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import SessionRecord
from tokenward.server.storage.units import Unit

_MOST_NOTED = 4096


class CopiedTokens:
    """Ends a session whose token was copied, and notes a retry that came from elsewhere."""

    def __init__(self, *, storage: Storage, audit: Audit, revocations: RevocationLog) -> None:
        self._storage = storage
        self._audit = audit
        self._revocations = revocations
        self._noted: set[tuple[bytes, int]] = set()

    async def end(self, session: SessionRecord, *, request_id: str, now: int) -> None:
        """End the session; of several racers only the first changes anything."""
        sid = sid_text(session.sid)
        event = self._audit.event(
            "session.reuse_detected",
            actor=SYSTEM,
            at=now,
            subject=session.sub,
            sid=sid,
            request_id=request_id,
        )
        await self._storage.apply(
            Unit(
                "end_stolen_session",
                (
                    self._storage.sessions.end(sid=session.sid, ended_at=now),
                    self._revocations.record("session", sid, "reuse"),
                    event,
                ),
            )
        )

    async def note_retry(
        self, session: SessionRecord, *, network: str, agent: str, request_id: str, now: int
    ) -> None:
        """Note a retry from this network and user agent, unless both or one are those of the session.

        Once for each token: a client that goes on asking must not fill the audit trail.
        """
        if session.network == network or session.agent == agent:
            return
        noted = (session.sid, session.generation)
        if noted in self._noted:
            return
        if len(self._noted) >= _MOST_NOTED:
            self._noted.clear()
        self._noted.add(noted)
        account = await self._storage.accounts.find(session.sub)
        event = self._audit.event(
            "session.refresh_retried_elsewhere",
            actor=SYSTEM,
            at=now,
            subject=session.sub,
            sid=sid_text(session.sid),
            request_id=request_id,
            personal={"network": network, "agent": agent},
            personal_key=account.personal_key_wrapped if account else None,
        )
        await self._storage.apply(Unit("note_retry_elsewhere", (event,)))
