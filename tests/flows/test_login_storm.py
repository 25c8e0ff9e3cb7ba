"""Ten times as many logins as can be hashed: each is told something, nothing is half done, and nobody else suffers."""

import asyncio
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.flows.client import Answer, Client, Tokens
from tests.flows.servers import PASSWORD, Installation, Server, installation

from tokenward.jose import base64url, unverified_claims

ACCOUNTS = 24
CONNECTIONS = 200
SECONDS = 10
_PAUSE_SECONDS = 0.2
_MOST_GROWTH_MB = 48


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Installation]:
    settings = {
        # Hashes as they are by default, so that few of them are many.
        "ARGON2_MEMORY_KIB": "19456",
        "ARGON2_TIME_COST": "2",
        # However many cores there are, it is ten times too much for this.
        "ARGON2_PROCESSES": "1",
        "PASSWORD_QUEUE": "8",
        "LOGIN_BURST": "1000",
        "LOGIN_NETWORK_BURST": "10000",
    }
    with installation(tmp_path, settings, measured=False) as here:
        yield here


def memory_mb(server: Server) -> float:
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def open_files(server: Server) -> int:
    return sum(1 for _ in Path(f"/proc/{server.process.pid}/fd").iterdir())


class Storm:
    """What its clients were told, and the sessions that they were given."""

    def __init__(self) -> None:
        self.told: Counter[int] = Counter()
        self.sids: set[bytes] = set()
        self.over = False

    async def rage(self, port: int, number: int) -> None:
        async with await Client.connect(port) as client:
            while not self.over:
                # Every tenth does not know the password.
                password = PASSWORD if number % 10 else "wrong " + PASSWORD
                answer = await client.log_in(f"a{number % ACCOUNTS}@example.com", password)
                self._note(answer)
                await asyncio.sleep(_PAUSE_SECONDS)

    def _note(self, answer: Answer) -> None:
        self.told[answer.status] += 1
        if answer.status == 200:
            self.sids.add(sid_of(Tokens.of(answer)))
        elif answer.status == 503:
            assert answer.code == "overloaded"
            assert 1 <= int(answer.headers["retry-after"]) <= 60
        else:
            assert (answer.status, answer.code) == (401, "invalid_credentials"), answer


def sid_of(tokens: Tokens) -> bytes:
    return base64url.decode(str(unverified_claims(tokens.access)["sid"]).encode())


async def live_on(port: int, tokens: Tokens, storm: Storm) -> tuple[Tokens, int]:
    """Refresh and read as if there were no storm; how often that was."""
    done = 0
    async with await Client.connect(port) as client:
        while not storm.over:
            tokens = Tokens.of(await client.refresh(tokens.refresh))
            for answer in (
                await client.me(tokens.access),
                await client.request("GET", "/.well-known/jwks.json"),
                await client.request("GET", "/readyz"),
            ):
                assert answer.status == 200, answer
            done += 1
            await asyncio.sleep(0.02)
    return tokens, done


async def test_a_storm_of_logins_is_refused_and_nobody_else_notices(place: Installation) -> None:
    server = await asyncio.to_thread(place.start)
    async with await Client.connect(server.port) as client:
        for number in range(ACCOUNTS):
            answer = await client.register(f"a{number}@example.com", PASSWORD)
            assert answer.status == 201, answer
        living = [Tokens.of(await client.log_in("a0@example.com", PASSWORD)) for _ in range(4)]
    memory, files = memory_mb(server), open_files(server)

    storm, grown, opened = Storm(), 0.0, 0
    clients = [asyncio.create_task(storm.rage(server.port, number)) for number in range(CONNECTIONS)]
    others = [asyncio.create_task(live_on(server.port, tokens, storm)) for tokens in living]
    for _ in range(SECONDS):
        await asyncio.sleep(1)
        grown = max(grown, memory_mb(server) - memory)
        opened = max(opened, open_files(server))
    storm.over = True
    await asyncio.gather(*clients)
    lived = await asyncio.gather(*others)

    # Once the last of them has its answer there is nothing left to do: the next login is not refused.
    async with await Client.connect(server.port) as client:
        last = await client.log_in("a1@example.com", PASSWORD)
        assert last.status == 200, last
        for tokens, _ in lived:
            assert (await client.me(Tokens.of(await client.refresh(tokens.refresh)).access)).status == 200
        counted = (await client.request("GET", "/metrics")).body.decode()
    # It was one, and those whose turn came were let in.
    assert storm.told[503] > 3 * (storm.told[200] + storm.told[401]), storm.told
    assert storm.told[200] > 0
    assert all(done > SECONDS for _, done in lived), lived

    assert grown < _MOST_GROWTH_MB
    assert opened <= files + CONNECTIONS + len(others) + 10
    assert open_files(server) <= files + 10
    # Each refusal is counted; they are not each a line, or a storm would fill the disk.
    assert f'tokenward_http_errors_total{{code="overloaded"}} {storm.told[503]}.0' in counted
    lines = [line for line in server.log() if line.get("code") == "overloaded"]
    assert 1 <= len(lines) <= SECONDS + 5
    assert await asyncio.to_thread(server.stop) == 0

    # A session for each answer, and an answer for each session.
    expected = storm.sids | {sid_of(tokens) for tokens, _ in lived} | {sid_of(Tokens.of(last))}
    assert {sid for (sid,) in place.rows("SELECT sid FROM sessions")} == expected
    events = dict(place.rows("SELECT event, count(*) FROM audit GROUP BY event"))
    assert events["session.started"] == len(expected)
    assert events.get("login.failed", 0) == storm.told[401]
