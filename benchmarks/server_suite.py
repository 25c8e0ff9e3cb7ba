"""The suite `server`: the budgets of one Tokenward process, against the bare server program and peers."""

import asyncio
import contextlib
import gc
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import uvloop

from benchmarks import contenders, server_rows
from benchmarks.client import (
    BARE,
    OIDC_PROVIDER,
    TOKENWARD,
    Account,
    Connection,
    Dialect,
    Session,
    fetch,
    log_in,
    refresh_exactly,
    time_trickle,
)
from benchmarks.floors import measure_argon2
from benchmarks.processes import BenchmarkError, Server
from benchmarks.results import Row
from benchmarks.rounds import REFRESH_TOKEN_LENGTH, SESSIONS_PER_RUN, Field, Measurements, RequestRounds, say
from benchmarks.wrk import CONNECTIONS, FORM, JSON, LUA, read_result, run_wrk, wrk_command

Result = TypeVar("Result")
LOGIN_PATH = "/api/v1/auth/login"
STORM_WARM_UP_SECONDS = 1.0
TRICKLE_SESSIONS = 8
TRICKLE_PER_SECOND = 200


class Plan(NamedTuple):
    """How long the run takes."""

    rounds: int
    seconds: float
    starts: int
    login_rounds: int
    storm_rounds: int
    storm_seconds: float
    refreshes: int


FULL = Plan(
    rounds=7, seconds=2, starts=7, login_rounds=3, storm_rounds=3, storm_seconds=5, refreshes=10_000
)  # fmt: skip
QUICK = Plan(rounds=1, seconds=1, starts=2, login_rounds=1, storm_rounds=1, storm_seconds=2, refreshes=1_000)


def wait_for(work: Coroutine[Any, Any, Result]) -> Result:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work)


class ServerSuite:
    """One run; `measure` returns its rows."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder = folder
        self._plan = plan
        self._accounts = contenders.make_accounts(CONNECTIONS)
        self._port = contenders.free_port()
        self._sizes = (340, 900)
        self._spare: list[Session] = []
        self._measured = Measurements()
        self._findings = server_rows.Findings(self._measured)

    def measure(self) -> list[Row]:
        """Run everything, which takes minutes, and stop every server whatever happens."""
        sessions = self._prepare_tokenward()
        self._time_starts()
        field = Field(self._start_bare(), tokenward_sessions=sessions)
        try:
            self._start_others(field)
            self._take_memory(field)
            requests = RequestRounds(self._folder, field, self._measured, seconds=self._plan.seconds)
            for _ in range(self._plan.rounds):
                requests.run()
            for number in range(self._plan.login_rounds):
                say(f"round {number + 1}: logins")
                self._run_logins(field)
            for number in range(self._plan.storm_rounds):
                say(f"round {number + 1}: refreshes without and with a storm of logins")
                self._run_storms(field)
        finally:
            field.stop()
        return server_rows.make_rows(self._findings)

    def _attempt(self, name: str, work: Callable[[], Result]) -> Result | None:
        """What `work` returns, or None and the reason noted under `name`; skipped if that failed before."""
        if name in self._measured.failures:
            return None
        try:
            return work()
        except (BenchmarkError, OSError) as error:
            self._measured.failures[name] = str(error)
            say(f"{name}: {error}")
            return None

    def _prepare_tokenward(self) -> list[Session]:
        say("Tokenward: data folder, accounts, sessions")
        return self._attempt(server_rows.TOKENWARD, self._make_sessions) or []

    def _make_sessions(self) -> list[Session]:
        count = SESSIONS_PER_RUN * self._plan.rounds + 2 * CONNECTIONS
        with self._start_tokenward() as server:
            contenders.create_tokenward_accounts(self._folder, self._accounts)
            sessions = wait_for(log_in(server.port, self._accounts, count))
            answer = wait_for(_refresh_once(server.port, sessions.pop()))
            self._sizes = (len(wait_for(fetch(server.port, "/.well-known/jwks.json"))), len(answer))
        return sessions

    def _start_tokenward(self) -> Server:
        return contenders.start_tokenward(self._folder, self._port)

    def _start_bare(self) -> Server:
        return contenders.start_bare(self._folder, *self._sizes)

    def _time_starts(self) -> None:
        say(f"start to ready, {self._plan.starts} times each")
        starters: dict[str, Callable[[], Server]] = {
            server_rows.BARE: self._start_bare,
            server_rows.TOKENWARD: self._start_tokenward,
            server_rows.NODE: lambda: contenders.start_node_peer(self._folder, 1)[0],
        }
        for _ in range(self._plan.starts):
            for name, start in starters.items():
                if server := self._attempt(name, start):
                    server.stop()
                    self._findings.starts.setdefault(name, []).append(server.seconds_to_ready)

    def _start_others(self, field: Field) -> None:
        say("starting all servers")
        field.tokenward = self._attempt(server_rows.TOKENWARD, self._start_tokenward)
        count = SESSIONS_PER_RUN * self._plan.rounds + CONNECTIONS
        if node := self._attempt(server_rows.NODE, lambda: contenders.start_node_peer(self._folder, count)):
            field.node, field.node_sessions = node
        field.fastapi = self._attempt(
            server_rows.FASTAPI, lambda: contenders.start_fastapi_peer(self._folder, self._accounts[:1])
        )
        if field.fastapi:
            field.fastapi_token = wait_for(_log_in_to_fastapi(field.fastapi.port, self._accounts[0]))

    def _take_memory(self, field: Field) -> None:
        say(f"memory after {self._plan.refreshes:,} refreshes")

        def take(name: str, server: Server | None, how: Dialect, sessions: list[Session]) -> None:
            if server is None:
                return
            count = self._plan.refreshes
            if self._attempt(name, lambda: wait_for(refresh_exactly(server.port, how, sessions, count))):
                self._findings.memory[name] = server.resident_mb()

        # The last sessions of the lists; the rounds take theirs from the front.
        take(server_rows.BARE, field.bare, BARE, [Session("x" * REFRESH_TOKEN_LENGTH, "")] * CONNECTIONS)
        self._spare = field.tokenward_sessions[-TRICKLE_SESSIONS:]
        ours = field.tokenward_sessions[-CONNECTIONS - TRICKLE_SESSIONS : -TRICKLE_SESSIONS]
        take(server_rows.TOKENWARD, field.tokenward, TOKENWARD, ours)
        take(server_rows.NODE, field.node, OIDC_PROVIDER, field.node_sessions[-CONNECTIONS:])

    def _run_logins(self, field: Field) -> None:
        seconds = self._plan.seconds + 1
        self._measured.take(server_rows.ARGON2, lambda: measure_argon2(seconds))
        if tokenward := field.tokenward:
            bodies = self._write_logins()
            self._measured.take(
                server_rows.LOGIN,
                lambda: run_wrk(
                    tokenward, LOGIN_PATH, "post.lua", [bodies, JSON], seconds=seconds,
                    connections=CONNECTIONS, threads=CONNECTIONS,
                ),
            )  # fmt: skip
            tokenward.settle()
        if fastapi := field.fastapi:
            form = self._folder / "fastapi-login"
            email, password = self._accounts[0]
            form.write_text(f"username={email}&password={password}\n")
            self._measured.take(
                server_rows.FASTAPI_LOGIN,
                lambda: run_wrk(
                    fastapi, "/auth/login", "post.lua", [form, FORM], seconds=seconds, connections=4
                ),
            )
            fastapi.settle()

    def _write_logins(self) -> Path:
        """One line for each connection of wrk, each an account of its own."""
        bodies = self._folder / "tokenward-logins"
        bodies.write_text("".join(f"{json.dumps(account._asdict())}\n" for account in self._accounts))
        return bodies

    def _run_storms(self, field: Field) -> None:
        bare_sessions = [Session("x" * REFRESH_TOKEN_LENGTH, "")] * TRICKLE_SESSIONS
        self._compare(server_rows.BARE_TRICKLE, field.bare, BARE, bare_sessions, "/login")
        if field.tokenward:
            self._compare(server_rows.TRICKLE, field.tokenward, TOKENWARD, self._spare, LOGIN_PATH)

    def _compare(
        self, name: str, server: Server, how: Dialect, sessions: list[Session], login_path: str
    ) -> None:
        """Take the p99 of a trickle of refreshes, and again while wrk sends all the logins it can."""
        storm = wrk_command(
            server, login_path, "post.lua", [self._write_logins(), JSON],
            seconds=self._plan.storm_seconds + STORM_WARM_UP_SECONDS, threads=CONNECTIONS,
        )  # fmt: skip

        def compare() -> tuple[list[float], list[float]]:
            server.settle()
            quiet = self._time_trickle(server, how, sessions)
            with subprocess.Popen(storm, cwd=LUA, stdout=subprocess.PIPE, text=True) as process:
                time.sleep(STORM_WARM_UP_SECONDS)
                stormy = self._time_trickle(server, how, sessions)
                output, _ = process.communicate()
            read_result(server.name, output, "")
            server.settle()
            return quiet, stormy

        if found := self._attempt(name, compare):
            quiet, stormy = self._findings.trickles.setdefault(name, ([], []))
            quiet.append(_percentile_99(found[0]))
            stormy.append(_percentile_99(found[1]))

    def _time_trickle(self, server: Server, how: Dialect, sessions: list[Session]) -> list[float]:
        # A little shorter than the storm, so that it lies wholly inside.
        seconds, rate = self._plan.storm_seconds - 0.5, TRICKLE_PER_SECOND
        gc.collect()
        gc.disable()
        try:
            return wait_for(time_trickle(server.port, how, sessions, per_second=rate, seconds=seconds))
        finally:
            gc.enable()


def _percentile_99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[98]


async def _refresh_once(port: int, session: Session) -> bytes:
    """The raw answer to one refresh, for its size."""
    connection = await Connection.open(port)
    body = TOKENWARD.template.replace("@", session.refresh_token).encode()
    answer = await connection.send("POST", TOKENWARD.path, body)
    connection.close()
    return answer


async def _log_in_to_fastapi(port: int, account: Account) -> str:
    connection = await Connection.open(port)
    body = f"username={account.email}&password={account.password}".encode()
    answer = json.loads(await connection.send("POST", "/auth/login", body, FORM))
    connection.close()
    return str(answer["access_token"])


@contextlib.contextmanager
def _work_folder() -> Iterator[Path]:
    """A folder on the disk of the checkout: on a memory file system durability would cost nothing."""
    contenders.BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=contenders.BUILD))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def run(plan: Plan) -> list[Row]:
    with _work_folder() as folder:
        return ServerSuite(folder, plan).measure()
