"""The suite `storm`: ten times as many logins as can be hashed, for a minute, and what everybody else notices of it."""

import asyncio
import gc
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import contenders
from benchmarks.client import TOKENWARD, Connection, Session, log_in, time_trickle
from benchmarks.processes import BenchmarkError, Server
from benchmarks.results import Budget, Row
from benchmarks.rounds import say
from benchmarks.server_suite import LOGIN_PATH, wait_for
from benchmarks.wrk import JSON, LUA, read_answers, run_wrk, wrk_command

ACCOUNTS = 64
STORM_CONNECTIONS = 400
TIMES_CAPACITY = 10
TRICKLES = {"refresh": 100, "users/me": 100}
_TRICKLE_SESSIONS = 8
_WARM_UP_SECONDS = 1.0
_PATIENCE_SECONDS = 30
_RISE = Budget(2, at_least=False, of_value=True)


class Plan(NamedTuple):
    """How long the run takes."""

    capacity_seconds: float
    rounds: int
    storm_seconds: float


FULL = Plan(capacity_seconds=10, rounds=3, storm_seconds=60)
QUICK = Plan(capacity_seconds=3, rounds=1, storm_seconds=6)


class Storm(NamedTuple):
    """What the clients of a storm were told: `done` signed in, `busy` got 503 with Retry-After."""

    seconds: float
    done: int
    busy: int
    other: int
    broken: int


class Round(NamedTuple):
    """One storm. The p99 (seconds) of each trickle without it and within it; the most memory and files meanwhile."""

    quiet: dict[str, float]
    stormy: dict[str, float]
    storm: Storm
    memory_before: float
    memory: float
    files: int
    seconds_to_login: float


class Place:
    """A server with accounts and sessions."""

    def __init__(self, folder: Path) -> None:
        self._accounts = contenders.make_accounts(ACCOUNTS)
        self.server = contenders.start_tokenward(folder, contenders.free_port())
        contenders.create_tokenward_accounts(folder, self._accounts)
        self._sessions = wait_for(log_in(self.server.port, self._accounts, _TRICKLE_SESSIONS))
        self._bodies = folder / "logins"
        self._bodies.write_text("".join(f"{json.dumps(account._asdict())}\n" for account in self._accounts))

    def capacity(self, seconds: float) -> float:
        """Logins a second when no more come than can be hashed."""
        sample = run_wrk(
            self.server, LOGIN_PATH, "post.lua", [self._bodies, JSON], seconds=seconds, threads=32
        )
        return sample.per_second

    def storm(self, capacity: float, seconds: float) -> Round:
        """The trickles without a storm, and again within one of `seconds`."""
        self.server.settle()
        memory_before = self.server.resident_mb()
        quiet = self._trickle(seconds)
        pause = max(1, round(1000 * STORM_CONNECTIONS / (TIMES_CAPACITY * capacity)) - 60)
        command = wrk_command(
            self.server, LOGIN_PATH, "storm.lua", [self._bodies, JSON, str(pause)],
            seconds=seconds + _WARM_UP_SECONDS, connections=STORM_CONNECTIONS, threads=2,
        )  # fmt: skip
        with (
            _Watch(self.server) as watch,
            subprocess.Popen(command, cwd=LUA, stdout=subprocess.PIPE, text=True) as process,
        ):
            time.sleep(_WARM_UP_SECONDS)
            stormy = self._trickle(seconds)
            output, _ = process.communicate()
        return Round(
            quiet, stormy, Storm(**read_answers(output)), memory_before, watch.memory, watch.files,
            self._seconds_to_login(),
        )  # fmt: skip

    def _seconds_to_login(self) -> float:
        """How long it takes until a login is done, which is tried again when it gets 503."""
        started = time.perf_counter()
        while time.perf_counter() - started < _PATIENCE_SECONDS:
            try:
                wait_for(log_in(self.server.port, self._accounts, 1, at_once=1))
            except BenchmarkError:
                time.sleep(0.05)
            else:
                return time.perf_counter() - started
        raise BenchmarkError("no login after the storm")

    def _trickle(self, seconds: float) -> dict[str, float]:
        # A little shorter than the storm, so that it lies wholly inside.
        gc.collect()
        gc.disable()
        try:
            taken = wait_for(self._trickle_both(seconds - 0.5))
        finally:
            gc.enable()
        return {name: statistics.quantiles(times, n=100)[98] for name, times in taken.items()}

    async def _trickle_both(self, seconds: float) -> dict[str, list[float]]:
        refreshing, reading = self._sessions[1:], self._sessions[0]
        # An access token lives for 15 minutes and a run may be longer.
        connection = await Connection.open(self.server.port)
        reading = self._sessions[0] = await connection.refresh(TOKENWARD, reading.refresh_token)
        connection.close()
        refreshed, read = await asyncio.gather(
            time_trickle(
                self.server.port, TOKENWARD, refreshing, per_second=TRICKLES["refresh"], seconds=seconds
            ),
            _time_reads(self.server.port, reading, per_second=TRICKLES["users/me"], seconds=seconds),
        )
        self._sessions[1:] = refreshing
        return {"refresh": refreshed, "users/me": read}


async def _time_reads(port: int, session: Session, *, per_second: float, seconds: float) -> list[float]:
    """The seconds that `users/me` takes, one request after the other at a steady rate on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = (
        f"GET /api/v1/users/me HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {session.access_token}\r\n\r\n"
    ).encode()
    taken = []
    started = time.perf_counter()
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        sent = time.perf_counter()
        writer.write(request)
        answer = await reader.readuntil(b"}")
        taken.append(time.perf_counter() - sent)
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise BenchmarkError(f"void: users/me: {answer[9:12].decode()}")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length - len(answer.partition(b"\r\n\r\n")[2]))
    writer.close()
    return taken


class _Watch:
    """The most memory (MiB) and open files of a server while the block runs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.memory = 0.0
        self.files = 0

    def _look(self) -> None:
        while not self._over.wait(1):
            self.memory = max(self.memory, self._server.resident_mb())
            self.files = max(self.files, self._server.open_files())

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def run(plan: Plan) -> list[Row]:
    """Every row of the suite; takes some minutes."""
    contenders.BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="storm-", dir=contenders.BUILD) as folder:
        say("accounts, sessions")
        place = Place(Path(folder))
        try:
            capacity = place.capacity(plan.capacity_seconds)
            rounds = []
            for number in range(plan.rounds):
                say(f"round {number + 1}: {plan.storm_seconds:g} s without and with a storm")
                rounds.append(place.storm(capacity, plan.storm_seconds))
        finally:
            place.server.stop()
    return _rows(capacity, rounds)


def _rows(capacity: float, rounds: list[Round]) -> list[Row]:
    alone = "logins alone"

    def median(of: Callable[[Round], float]) -> float:
        return statistics.median(map(of, rounds))

    offered = median(lambda one: (one.storm.done + one.storm.busy + one.storm.other) / one.storm.seconds)
    done = median(lambda one: one.storm.done / one.storm.seconds)
    wrong = max(one.storm.other + one.storm.broken for one in rounds)
    rows = [
        Row(alone, capacity, "per second"),
        Row("logins sent in the storm", offered, "per second", alone, offered / capacity),
        Row("logins done in the storm", done, "per second", alone, done / capacity),
        Row("answers in the storm but 200, and 503 with Retry-After", wrong, "answers"),
    ]
    for name in TRICKLES:
        without = median(lambda one, name=name: one.quiet[name] * 1e3)  # type: ignore[misc]
        rise = median(lambda one, name=name: (one.stormy[name] - one.quiet[name]) * 1e3)  # type: ignore[misc]
        ratio = median(lambda one, name=name: one.stormy[name] / one.quiet[name])  # type: ignore[misc]
        rows += [
            Row(f"p99 of {name}, without a storm", without, "ms"),
            Row(f"p99 of {name}: rise in the storm", rise, "ms", "the same without", ratio, _RISE),
        ]
    grown = median(lambda one: one.memory - one.memory_before)
    return [
        *rows,
        Row("memory: rise in the storm, hashing included", grown, "MiB"),
        Row("open files in the storm", max(one.files for one in rounds), "files"),
        Row("a login right after the storm", max(one.seconds_to_login for one in rounds), "s"),
    ]
