"""What the clients of a server that is killed again and again may rely on: a ledger of every answer they got.

Clients with one session each refresh, sign out and sign in until the server dies. Then the ledger asks the database
and the restarted server about every session there ever was.
"""

import asyncio
import random
from dataclasses import dataclass, field

from tests.flows.client import LOST, Answer, Client, Tokens
from tests.flows.servers import PASSWORD, Installation

from tokenward.jose import base64url, unverified_claims


@dataclass
class Session:
    """One session as its client knows it."""

    sid: bytes
    tokens: Tokens
    generation: int = 0
    # What was sent and not answered; at most one of them.
    refresh_sent: bool = False
    logout_sent: bool = False
    # What the database said of the refresh that was not answered.
    refresh_found_done: bool = False

    def refreshed(self, answer: Answer) -> None:
        self.tokens = Tokens.of(answer)
        self.generation += 1
        self.refresh_sent = self.refresh_found_done = False


@dataclass
class Counts:
    """What a run consisted of, so that a test can see that it was not an empty one."""

    refreshes: int = 0
    logouts: int = 0
    refreshes_in_flight: int = 0
    refreshes_found_done: int = 0
    logouts_in_flight: int = 0
    logouts_found_done: int = 0


@dataclass
class Ledger:
    """Every session that a client got: those that live, by who holds them, and those that were ended."""

    email: str
    random: random.Random
    living: dict[int, Session] = field(default_factory=dict)
    ended: list[Session] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)

    async def load(self, port: int, holders: int) -> None:
        """Refresh, sign out and sign in on `holders` connections until the server is gone."""
        await asyncio.gather(*(self._hold(port, holder) for holder in range(holders)))

    async def _hold(self, port: int, holder: int) -> None:
        try:
            async with await Client.connect(port) as client:
                while True:
                    await self._act(client, holder)
        except LOST:
            return

    async def _act(self, client: Client, holder: int) -> None:
        session = self.living.get(holder)
        if session is None:
            self.living[holder] = await self._sign_in(client)
        elif self.random.random() < 0.15:
            session.logout_sent = True
            answer = await client.log_out(session.tokens.access)
            assert answer.status == 200, answer
            self._end(holder)
            self.counts.logouts += 1
        else:
            session.refresh_sent = True
            session.refreshed(await client.refresh(session.tokens.refresh))
            self.counts.refreshes += 1

    async def _sign_in(self, client: Client) -> Session:
        tokens = Tokens.of(await client.log_in(self.email, PASSWORD))
        return Session(base64url.decode(unverified_claims(tokens.access)["sid"].encode()), tokens)

    def _end(self, holder: int) -> None:
        session = self.living.pop(holder)
        session.logout_sent = False
        self.ended.append(session)

    def check_rows(self, here: Installation) -> None:
        """Compare the database, while nobody serves it, with what was answered."""
        rows = {
            sid: (generation, ended_at is not None)
            for sid, generation, ended_at in here.rows("SELECT sid, generation, ended_at FROM sessions")
        }
        for session in self.ended:
            assert rows[session.sid] == (session.generation, True), (
                "an ended session was revived or refreshed"
            )
        for session in self.living.values():
            generation, ended = rows[session.sid]
            assert ended <= session.logout_sent, "a session ended that nobody ended"
            assert 0 <= generation - session.generation <= session.refresh_sent, (
                "a refresh was lost or made up"
            )
            session.refresh_found_done = generation > session.generation
        assert here.rows("PRAGMA integrity_check") == [("ok",)]

    async def check_answers(self, client: Client) -> None:
        """Ask the restarted server about every living session, and about some of those that ended."""
        for holder, session in list(self.living.items()):
            if session.logout_sent:
                await self._settle_logout(client, holder, session)
            else:
                await self._check_lives(client, session)
        recent = self.ended[-20:]
        for session in recent + self.random.sample(self.ended, min(10, len(self.ended))):
            await check_refused(client, session)

    async def _settle_logout(self, client: Client, holder: int, session: Session) -> None:
        """A logout without an answer was done wholly or not at all."""
        self.counts.logouts_in_flight += 1
        if (await client.me(session.tokens.access)).status == 200:
            session.logout_sent = False
            await self._check_lives(client, session)
            return
        self.counts.logouts_found_done += 1
        self._end(holder)
        await check_refused(client, session)

    async def _check_lives(self, client: Client, session: Session) -> None:
        """The last known tokens work: the access token as it is, the refresh token for a successor that works."""
        assert (await client.me(session.tokens.access)).status == 200
        self.counts.refreshes_in_flight += session.refresh_sent
        self.counts.refreshes_found_done += session.refresh_found_done
        before = session.tokens.refresh
        session.refreshed(await client.refresh(before))
        assert Tokens.of(await client.refresh(before)).refresh == session.tokens.refresh
        assert (await client.me(session.tokens.access)).status == 200


async def check_refused(client: Client, session: Session) -> None:
    assert (await client.me(session.tokens.access)).code == "invalid_token"
    assert (await client.refresh(session.tokens.refresh)).code == "invalid_grant"
