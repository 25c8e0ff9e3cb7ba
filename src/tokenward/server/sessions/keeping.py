"""Letting one session go on across a cut-off, with fresh tokens; every other token of the account is refused.

The unit that raises the account's cut-off copies the new one into the session and moves its generation on by two, of
which the token of the first is never given to anybody. So the old refresh token is at once too old to be a retry, which
would get the successor: a copy of it that somebody took is found out whenever it is used.
"""

from typing import NamedTuple

from tokenward.server.keyring.ring import KeyRing, RefreshKey
from tokenward.server.sessions import refresh_tokens
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.sessions import Origin, Refreshed, RefreshPolicy, check_alive
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import SessionRecord
from tokenward.server.storage.units import Change


class Kept(NamedTuple):
    """A session that lives, as it was read, and the key that makes its next refresh token."""

    session: SessionRecord
    key: RefreshKey


class SessionKeeping:
    """What a service that raises an account's cut-off puts into its unit to keep one session."""

    def __init__(self, *, storage: Storage, ring: KeyRing, policy: RefreshPolicy) -> None:
        self._storage = storage
        self._ring = ring
        self._policy = policy

    async def get(self, sid: bytes, *, sub: str, now: int) -> Kept:
        """The session `sid` of the account `sub`.

        Raises:
            InvalidGrant: there is none that lives.
        """
        state = await self._storage.sessions.find(sid)
        if state is None or state.session.sub != sub:
            raise InvalidGrant(reason="no such session of this account")
        check_alive(state, now)
        await self._ring.catch_up_to(state.ring_revision)
        return Kept(state.session, self._ring.active_refresh_key())

    def changes(self, kept: Kept, *, cutoff: int, origin: Origin, now_ms: int) -> tuple[Change, ...]:
        """To stand behind the change that raises the account's cut-off by one, to `cutoff`.

        They refuse the unit when the session ended, was refreshed or was cut off since it was read.
        """
        session, now = kept.session, now_ms // 1000
        return (
            self._storage.sessions.adopt_cutoff(session.sid, cutoff),
            self._storage.sessions.rotate(
                sid=session.sid,
                # `adopt_cutoff` has moved it on by one; a refresh in between makes that one more, and refuses the unit.
                generation=session.generation + 1,
                key_number=kept.key.number,
                rotated_at_ms=now_ms,
                last_seen_at=now,
                idle_expires_at=now + self._policy.idle_seconds,
                network=origin.network,
                agent=origin.agent,
                account_cutoff=cutoff,
                client_cutoff=session.client_cutoff,
                now=now,
            ),
        )

    async def refreshed(self, kept: Kept, *, now: int) -> Refreshed:
        """What to issue once the unit with these changes was applied; `now` is from before it.

        Head and roles are read anew, in one snapshot: `rsq` must not be behind the record that the unit wrote, nor
        ahead of the roles.

        Raises:
            InvalidGrant: the session was ended again meanwhile.
        """
        session = kept.session
        state = await self._storage.sessions.find(session.sid)
        if state is None:
            raise InvalidGrant(reason="no such session")
        check_alive(state, now)
        token = refresh_tokens.encode(kept.key, session.sid, session.salt, session.generation + 2)
        return Refreshed(state.session, state.roles, token, state.n, now, retried=False)
