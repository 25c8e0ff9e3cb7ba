"""Killed at random moments of refresh, logout and key rotation, a server loses nothing and revives nothing."""

import asyncio
import os
import random
import time
from pathlib import Path

import msgspec
import pytest
from tests.flows.client import Client
from tests.flows.ledger import Ledger
from tests.flows.servers import PASSWORD, ROTATING, Installation, Server, installation

from tokenward.jose import import_private_jwk
from tokenward.server.keyring.wrapping import MasterKey

# More of them for a long run; a seed is printed with every failure and can be given again.
KILLS = int(os.environ.get("FLOWS_KILLS", "200"))
SEED = int(os.environ.get("FLOWS_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)

# Each lane has a data folder of its own; while one starts its server, the other is under load.
LANES = 2
HOLDERS = 24
EMAIL = "ada@example.com"

# Many sign in at once, and a killed server gives nobody back what an attempt was charged.
UNTHROTTLED = {
    "LOGIN_BURST": "1000000",
    "LOGIN_UNKNOWN_BURST": "1000000",
    "LOGIN_NETWORK_BURST": "1000000",
}


class Lane:
    """One installation whose server is killed again and again, with its clients."""

    def __init__(self, here: Installation, seed: int) -> None:
        self._here = here
        self._random = random.Random(seed)  # noqa: S311 - chance, no secret
        self._master_key = MasterKey.parse(here.master_key, "the test")
        self.ledger = Ledger(EMAIL, random.Random(seed + 1))  # noqa: S311
        self.killed_at: dict[str, int] = dict.fromkeys(
            ("load", "rotation under load", "start", "rotation"), 0
        )

    @property
    def kills(self) -> int:
        return sum(self.killed_at.values())

    async def run(self, kills: int) -> None:
        server = await asyncio.to_thread(self._here.start)
        async with await Client.connect(server.port) as client:
            assert (await client.register(EMAIL, PASSWORD)).status == 201
        while self.kills < kills:
            await self._kill_under_load(server)
            self._check_files()
            if self._random.random() < 0.3:
                await asyncio.to_thread(self._kill_while_starting)
                self._check_files()
            server = await asyncio.to_thread(self._here.start)
            async with await Client.connect(server.port) as client:
                await self.ledger.check_answers(client)
        assert await asyncio.to_thread(server.stop) == 0
        self._check_files()

    async def _kill_under_load(self, server: Server) -> None:
        load = asyncio.create_task(self.ledger.load(server.port, HOLDERS))
        if self._random.random() < 0.15 and await asyncio.to_thread(self._wait_for_rotation):
            await asyncio.sleep(self._random.uniform(0, 0.003))
            self.killed_at["rotation under load"] += 1
        else:
            await asyncio.sleep(self._random.uniform(0.02, 0.15))
            self.killed_at["load"] += 1
        server.kill()
        await load

    def _wait_for_rotation(self) -> bool:
        """Wait until the server, which looks at its keys once a second, has begun to rotate them."""
        before, until = self._ring_revision(), time.monotonic() + 3
        while time.monotonic() < until:
            if self._ring_revision() != before:
                return True
            time.sleep(0.0005)
        return False

    def _ring_revision(self) -> int:
        ((revision,),) = self._here.rows("SELECT revision FROM key_ring")
        return int(revision)

    def _kill_while_starting(self) -> None:
        """Kill a server that is not ready yet: a start that finds keys due rotates them first."""
        before = self._log_of_the_database()
        server = self._here.spawn()
        until = time.monotonic() + self._random.uniform(0.2, 0.6)
        while time.monotonic() < until:
            # Nothing but the rotation writes before the server is ready.
            if (now := self._log_of_the_database()) is not None and now != before:
                time.sleep(self._random.uniform(0, 0.01))
                self.killed_at["rotation"] += 1
                break
            time.sleep(0.0002)
        else:
            self.killed_at["start"] += 1
        server.kill()

    def _log_of_the_database(self) -> tuple[int, int] | None:
        try:
            found = self._here.database.with_name("tokenward.db-wal").stat()
        except FileNotFoundError:
            return None
        return (found.st_ino, found.st_mtime_ns) if found.st_size else None

    def _check_files(self) -> None:
        """Look at the database while nobody serves it."""
        self.ledger.check_rows(self._here)
        self._check_key_ring()

    def _check_key_ring(self) -> None:
        rows = self._here.rows("SELECT kid, alg, use, state, public_jwk, private_wrapped FROM keys")
        states = sorted((state, use, alg) for _, alg, use, state, _, _ in rows)
        assert [key for key in states if key[0] == "active"] == [
            ("active", "access", "ES256"),
            ("active", "refresh", "HS256"),
        ]
        assert [key for key in states if key[0] == "pending"] == [("pending", "access", "ES256")]
        for kid, _, use, state, public_jwk, private_wrapped in rows:
            if state == "retiring":
                assert private_wrapped is None, "a key pair that signs no more kept its private part"
                continue
            private = self._master_key.unwrap(private_wrapped, purpose=use, key_id=kid)
            if use == "access":
                key = import_private_jwk(msgspec.json.decode(private, type=dict[str, object]))
                assert key.kid == kid == msgspec.json.decode(public_jwk)["kid"]
        assert self._here.rows(
            """
            SELECT count(*) FROM sessions WHERE ended_at IS NULL AND key_number NOT IN
            (SELECT number FROM keys WHERE use = 'refresh' AND state IN ('active', 'verify-only'))
            """
        ) == [(0,)], "a session whose refresh key is gone"


async def test_killed_two_hundred_times_a_server_loses_nothing_and_revives_nothing(tmp_path: Path) -> None:
    print(f"FLOWS_SEED={SEED}")  # noqa: T201 - pytest shows it with a failure
    settings = ROTATING | UNTHROTTLED
    with (
        installation(tmp_path / "0", settings, measured=False) as first,
        installation(tmp_path / "1", settings, measured=False) as second,
    ):
        lanes = [Lane(here, SEED + number) for number, here in enumerate((first, second))]
        await asyncio.gather(*(lane.run(KILLS // LANES) for lane in lanes))
    for lane in lanes:
        print(lane.killed_at, lane.ledger.counts)  # noqa: T201
    # Otherwise the test would have killed an idle server.
    counts = [lane.ledger.counts for lane in lanes]
    assert sum(lane.kills for lane in lanes) >= KILLS // LANES * LANES
    assert sum(count.refreshes for count in counts) > 10 * KILLS
    assert sum(count.refreshes_in_flight for count in counts) > KILLS
    assert sum(count.logouts_in_flight for count in counts) > KILLS // 20
    assert sum(count.refreshes_found_done for count in counts) > KILLS // 20
    assert sum(lane.killed_at["rotation"] for lane in lanes) > KILLS // 50


async def test_a_server_killed_during_its_first_start_starts_the_next_time(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311
    print(f"FLOWS_SEED={SEED}")  # noqa: T201
    for number in range(12):
        with installation(tmp_path / str(number), measured=False) as here:
            await asyncio.to_thread(kill_first_start, here, chance.uniform(0, 0.015))
            server = await asyncio.to_thread(here.start)
            async with await Client.connect(server.port) as client:
                assert (await client.request("GET", "/readyz")).status == 200
                assert (await client.register(EMAIL, PASSWORD)).status == 201
                assert (await client.log_in(EMAIL, PASSWORD)).status == 200


def kill_first_start(here: Installation, seconds_after_the_file_is_there: float) -> None:
    server = here.spawn()
    until = time.monotonic() + 10
    while not here.database.exists() and time.monotonic() < until:
        time.sleep(0.0002)
    time.sleep(seconds_after_the_file_is_there)
    server.kill()


async def test_a_killed_server_leaves_no_process_behind(tmp_path: Path) -> None:
    with installation(tmp_path, measured=False) as here:
        server = here.start()
        async with await Client.connect(server.port) as client:
            # Passwords are hashed in processes of their own.
            assert (await client.register(EMAIL, PASSWORD)).status == 201
        children = find_children(server.process.pid)
        assert children
        server.kill()
        for _ in range(500):
            if not any(is_running(child) for child in children):
                return
            await asyncio.sleep(0.01)
    pytest.fail(f"still there: {children}")


def find_children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for file in found for child in file.read_text().split()]


def is_running(pid: int) -> bool:
    try:
        # A process that has ended and was not waited for yet has no command line any more.
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except (FileNotFoundError, ProcessLookupError):
        return False
