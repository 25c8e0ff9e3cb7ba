"""What revoking a key would do to whom, found out beforehand."""

import asyncio
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.server.keyring import ring as states
from tokenward.server.keyring.ring import ACCESS, REFRESH, KeyRing
from tokenward.server.keyring.rotation import Rotation
from tokenward.server.storage.interface import SessionStore
from tokenward.server.storage.records import KeyRecord

# So many sessions are looked at in one go, which takes about as long as a request may hold up the others.
_AT_ONCE = 1000


class Impact(NamedTuple):
    """What revoking `key` would do.

    `consequences` says it in words, `ended_sessions` is how many sessions that live now would end, and `next_kid` the
    key that would sign from then on: `None` where the key does not sign, or where its successor is yet to be made.
    """

    key: KeyRecord
    consequences: str
    ended_sessions: int
    next_kid: str | None

    @property
    def in_words(self) -> str:
        """All of it, as an operator is told before being asked."""
        words = [self.consequences]
        if self.key.use == REFRESH:
            words.append(f"Sessions that live now and would end: {self.ended_sessions}.")
        if self.next_kid is not None:
            words.append(f"The key that would sign from then on: {self.next_kid}.")
        return " ".join(words)


class KeyImpact:
    """Looks at the ring and the sessions, and changes neither."""

    def __init__(self, *, ring: KeyRing, rotation: Rotation, sessions: SessionStore, clock: Clock) -> None:
        self._ring = ring
        self._rotation = rotation
        self._sessions = sessions
        self._clock = clock

    async def find_out(self, kid: str) -> Impact:
        """As of the last look at the ring. The sessions are counted while refreshes go on, so the count may be off.

        Raises:
            UnknownKey: no such key, or it counts for nothing any more.
        """
        consequences = self._rotation.consequences(kid)
        (record,) = [one for one in self._ring.records if one.kid == kid]
        if record.use == REFRESH:
            return Impact(record, consequences, await self._count_sessions(record.number), None)
        standby = [one for one in self._ring.in_state(ACCESS, states.PENDING) if one.alg == record.alg]
        signs = record.state == states.ACTIVE
        return Impact(record, consequences, 0, standby[0].kid if signs and standby else None)

    async def _count_sessions(self, number: int) -> int:
        now, counted = int(self._clock.now()), 0
        after: bytes | None = b""
        while after is not None:
            found, after = await self._sessions.count_of_key(number, after, _AT_ONCE, living_at=now)
            counted += found
            # Reads do not wait on SQLite, so without this nobody else would get a turn.
            await asyncio.sleep(0)
        return counted
