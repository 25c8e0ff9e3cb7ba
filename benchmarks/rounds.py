"""Interleaved rounds: each contender runs for a short time in turn, so that drift meets all alike."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import BARE, OIDC_PROVIDER, TOKENWARD, Dialect, Session
from benchmarks.floors import measure_es256
from benchmarks.processes import BenchmarkError, Server
from benchmarks.wrk import CONNECTIONS, Sample, run_wrk

# More sessions than connections, so that a connection never waits for a session.
SESSIONS_PER_RUN = CONNECTIONS + 8
REFRESH_TOKEN_LENGTH = 110

BARE_GET = "bare GET"
BARE_POST = "bare form POST"
BARE_PARSED = "bare form POST, form parsed"
JWK_SET = "JWK Set"
ME_SEEN = "users/me, token seen before"
ME_NEW = "users/me, token never seen before"
REFRESH = "refresh, rotating, durable"
NODE_ME = "userinfo of node oidc-provider (in memory)"
NODE_REFRESH = "refresh of node oidc-provider (in memory)"
FASTAPI_ME = "users/me of fastapi-users"
ES256 = "bare ES256 verification"

STARTED = time.monotonic()


def say(progress: str) -> None:
    print(f"[{time.monotonic() - STARTED:4.0f} s] {progress}", flush=True)


class Measurements:
    """The samples of each contender, and why a contender has none."""

    def __init__(self) -> None:
        self.samples: dict[str, list[Sample]] = {}
        self.failures: dict[str, str] = {}

    def take(self, name: str, measure: Callable[[], Sample]) -> None:
        """Add one sample, unless `name` failed before; an error voids all its rounds."""
        if name in self.failures:
            return
        try:
            self.samples.setdefault(name, []).append(measure())
        except (BenchmarkError, OSError) as error:
            self.failures[name] = str(error)
            self.samples.pop(name, None)
            say(f"{name}: {error}")


@dataclass(slots=True)
class Field:
    """The servers of the run; one that did not start is None. Each round uses up a batch of the sessions."""

    bare: Server
    tokenward: Server | None = None
    tokenward_sessions: list[Session] = field(default_factory=list)
    node: Server | None = None
    node_sessions: list[Session] = field(default_factory=list)
    fastapi: Server | None = None
    fastapi_token: str = ""

    def stop(self) -> None:
        """Stop every server."""
        for server in (self.bare, self.tokenward, self.node, self.fastapi):
            if server:
                server.stop()


class RequestRounds:
    """The rounds of everything that answers many requests in a second."""

    def __init__(self, folder: Path, servers: Field, measurements: Measurements, *, seconds: float) -> None:
        self._field = servers
        self._folder = folder
        self._measurements = measurements
        self._seconds = seconds
        self._number = 0

    def _write(self, name: str, lines: Sequence[str]) -> Path:
        file = self._folder / name
        file.write_text("".join(f"{line}\n" for line in lines))
        return file

    def _get(self, name: str, server: Server, path: str) -> None:
        self._measurements.take(name, lambda: run_wrk(server, path, "get.lua", seconds=self._seconds))

    def _bearer(self, name: str, server: Server, path: str, tokens: Path, order: str) -> None:
        self._measurements.take(
            name, lambda: run_wrk(server, path, "bearer.lua", [tokens, order], seconds=self._seconds)
        )

    def _refresh(
        self, name: str, server: Server, how: Dialect, sessions: Sequence[Session], out: Path | None
    ) -> None:
        file = self._write("refresh-tokens", [session.refresh_token for session in sessions])
        arguments: list[str | Path] = [file, how.content_type, how.template, out or "-"]
        self._measurements.take(
            name, lambda: run_wrk(server, how.path, "refresh.lua", arguments, seconds=self._seconds)
        )

    def run(self) -> None:
        """Run one round; it uses up SESSIONS_PER_RUN sessions of each server that refreshes."""
        self._number += 1
        say(f"round {self._number}: requests")
        running, node_sessions = self._field, _take(self._field.node_sessions)
        self._post_bare(BARE_POST, "/")
        self._post_bare(BARE_PARSED, "/parsed")
        if running.tokenward:
            sessions = _take(running.tokenward_sessions)
            self._refresh(REFRESH, running.tokenward, TOKENWARD, sessions, self._folder / "new-tokens")
        if running.node:
            self._refresh(NODE_REFRESH, running.node, OIDC_PROVIDER, node_sessions, None)
        self._get(BARE_GET, running.bare, "/")
        self._measurements.take(ES256, lambda: _as_sample(measure_es256(min(0.5, self._seconds))))
        if running.tokenward:
            self._get(JWK_SET, running.tokenward, "/.well-known/jwks.json")
            self._read_me(running.tokenward)
        if running.node:
            tokens = self._write("node-tokens", [session.access_token for session in node_sessions])
            self._bearer(NODE_ME, running.node, "/me", tokens, "cycle")
        if running.fastapi:
            tokens = self._write("fastapi-tokens", [running.fastapi_token])
            self._bearer(FASTAPI_ME, running.fastapi, "/users/me", tokens, "cycle")

    def _post_bare(self, name: str, path: str) -> None:
        body = self._write("bare-body", [BARE.template.replace("@", "x" * REFRESH_TOKEN_LENGTH)])
        arguments: list[str | Path] = [body, BARE.content_type]
        server = self._field.bare
        self._measurements.take(
            name, lambda: run_wrk(server, path, "post.lua", arguments, seconds=self._seconds)
        )

    def _read_me(self, server: Server) -> None:
        """The access tokens of the round's refreshes were never shown to the server: each is used once."""
        new_tokens = self._folder / "new-tokens"
        if REFRESH in self._measurements.failures or not new_tokens.exists():
            for name in (ME_NEW, ME_SEEN):
                self._measurements.failures[name] = "no tokens: the refreshes before it failed"
            return
        self._bearer(ME_NEW, server, "/api/v1/users/me", new_tokens, "once")
        with new_tokens.open() as lines:
            some = [line.strip() for line in itertools.islice(lines, CONNECTIONS)]
        new_tokens.unlink()
        self._bearer(ME_SEEN, server, "/api/v1/users/me", self._write("seen-tokens", some), "cycle")


def _as_sample(cpu_us: float) -> Sample:
    return Sample(1, cpu_us / 1e6, cpu_us / 1e6)


def _take(sessions: list[Session]) -> list[Session]:
    taken = sessions[:SESSIONS_PER_RUN]
    del sessions[:SESSIONS_PER_RUN]
    return taken
