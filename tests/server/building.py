"""A whole server in this process: real services on a real database, a clock that is moved by hand, cheap Argon2id.

Requests go through the ASGI door, so that what a client could see is what a test sees.
"""

import asyncio
import base64
import contextlib
import json
import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import msgspec
from tests.openapi.description import check_described

from tokenward.clock import Clock, FakeClock
from tokenward.jose.jwt import unverified_claims
from tokenward.server.app import build_door
from tokenward.server.endpoints.door import Door
from tokenward.server.endpoints.messages import Message
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.login import FIRST_PARTY, FIRST_PARTY_SCOPE
from tokenward.server.services import Services, database_path, open_services
from tokenward.server.sessions.session_id import sid_bytes
from tokenward.server.sessions.sessions import Origin, Refreshed, Sessions
from tokenward.server.settings import Settings
from tokenward.server.storage.migrate import migrate
from tokenward.server.storage.records import (
    AccountRecord,
    AuditRecord,
    ClientRecord,
    KeyRecord,
    SessionState,
)
from tokenward.server.storage.units import Change, Outcome, Unit
from tokenward.tokens.revocation_set import RevocationRecord

ISSUER = "https://auth.example.com"
AUDIENCE = "https://api.example.com"
EMAIL = "Anna.Kern@example.com"
PASSWORD = "my kettle sings in E flat"
OTHER_PASSWORD = "seven herons on a wet roof"
ADDRESS = "192.0.2.7"
AGENT = "Firefox on Linux"
HOME = Origin("192.0.2.0/24", AGENT)
ELSEWHERE = Origin("203.0.113.0/24", "curl on a laptop in another country")
MASTER_KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_MASTER_KEY = base64.b64encode(bytes(range(1, 33))).decode()

Headers = Sequence[tuple[bytes, bytes]]


def settings(folder: Path, **changes: Any) -> Settings:
    """The settings of a server of which nothing is asked that takes time."""
    plain = Settings(
        issuer=ISSUER,
        audience=AUDIENCE,
        data=folder,
        master_key=MASTER_KEY,
        registration="open",
        argon2_memory_kib=8,
        argon2_time_cost=1,
        argon2_processes=1,
    )
    return msgspec.structs.replace(plain, **changes)


class Answer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        wanted = name.encode()
        return [value.decode("latin-1") for header, value in self.headers if header == wanted]

    def header(self, name: str) -> str | None:
        values = self.values(name)
        assert len(values) < 2, (name, values)
        return values[0] if values else None

    @property
    def json(self) -> dict[str, Any]:
        content = json.loads(self.body)
        assert isinstance(content, dict)
        return content

    @property
    def code(self) -> str:
        """The stable code of a problem document."""
        assert self.header("content-type") == "application/problem+json", self
        return str(self.json["code"])


@dataclass
class Client:
    """Calls the door as the server program does."""

    door: Door
    address: str = ADDRESS
    agent: str = AGENT

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: object = None,
        form: Mapping[str, str] | None = None,
        body: bytes | Sequence[bytes] = b"",
        token: str | None = None,
        headers: Headers = (),
        query: bytes = b"",
        address: str | None = None,
        hangs_up: bool = False,
    ) -> Answer:
        """One request. `body` may come in parts; with `hangs_up` the client is gone before its end."""
        sent = [(b"host", b"auth.example.com"), (b"user-agent", self.agent.encode()), *headers]
        if json is not None:
            body = msgspec.json.encode(json)
            sent.append((b"content-type", b"application/json"))
        if form is not None:
            body = urlencode(form).encode()
            sent.append((b"content-type", b"application/x-www-form-urlencoded"))
        if token is not None:
            sent.append((b"authorization", b"Bearer " + token.encode()))
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "query_string": query,
            "headers": sent,
            "client": (self.address if address is None else address, 40000),
        }
        return await self._call(scope, [body] if isinstance(body, bytes) else list(body), hangs_up)

    async def _call(self, scope: dict[str, Any], parts: list[bytes], hangs_up: bool) -> Answer:
        coming = [
            {"type": "http.request", "body": part, "more_body": hangs_up or place < len(parts) - 1}
            for place, part in enumerate(parts)
        ]
        sent: list[Message] = []

        async def receive() -> Message:
            return coming.pop(0) if coming else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        await self.door(scope, receive, send)
        if not sent:
            return Answer(0, (), b"")
        start, rest = sent[0], sent[1:]
        body = b"".join(part["body"] for part in rest)
        # No test gets an answer that the description of the interface does not foresee.
        check_described(scope["method"], scope["path"], start["status"], start["headers"], body)
        return Answer(start["status"], tuple(start["headers"]), body)

    async def get(self, path: str, **how: Any) -> Answer:
        return await self.request("GET", path, **how)

    async def post(self, path: str, **how: Any) -> Answer:
        return await self.request("POST", path, **how)

    async def log_in(self, password: str = PASSWORD, login: str = EMAIL, **how: Any) -> Answer:
        return await self.post("/api/v1/auth/login", json={"username": login, "password": password}, **how)

    async def refresh(self, refresh_token: str, **how: Any) -> Answer:
        return await self.post("/api/v1/auth/refresh", json={"refresh_token": refresh_token}, **how)

    async def me(self, token: str, **how: Any) -> Answer:
        return await self.get("/api/v1/users/me", token=token, **how)


@dataclass
class Server:
    """The services, the door over them, and what they wrote."""

    services: Services
    door: Door
    clock: FakeClock
    log: Log
    metrics: Metrics
    log_path: Path
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.door)

    @property
    def path(self) -> Path:
        """The database."""
        return database_path(self.services.settings)

    @property
    def log_text(self) -> str:
        self.log.flush()
        return self.log_path.read_text()

    def log_lines(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.log_text.splitlines()]
        return [line for line in lines if line["event"] == event]

    async def account(self, email: str = EMAIL, **how: Any) -> AccountRecord:
        """A new account with `PASSWORD`."""
        return await self.services.accounts.create(email=email, password=PASSWORD, actor="", **how)

    async def first_party(self) -> ClientRecord:
        client = await self.services.storage.clients.find(FIRST_PARTY)
        assert client is not None
        return client

    async def start(self, account: AccountRecord, origin: Origin = HOME) -> Refreshed:
        """A session of the account, as a sign-in starts one."""
        return await self.services.sessions.start(
            account,
            await self.first_party(),
            scope=FIRST_PARTY_SCOPE,
            audience=AUDIENCE,
            amr=("pwd",),
            origin=origin,
            request_id="test",
        )

    async def refresh(self, token: str, origin: Origin = HOME, client_id: str = FIRST_PARTY) -> Refreshed:
        return await refresh(self.services.sessions, token, origin, client_id)

    async def state(self, sid: bytes) -> SessionState:
        state = await self.services.storage.sessions.find(sid)
        assert state is not None
        return state

    async def apply(self, *changes: Change) -> Outcome:
        outcome = await self.services.storage.apply(Unit("test", changes))
        assert outcome.applied, outcome
        return outcome

    async def events(self, *names: str) -> list[AuditRecord]:
        """The audit rows of these names, or all."""
        rows = await self.services.storage.audit.page(0, 10_000)
        return [row for row in rows if not names or row.event in names]

    async def records(self) -> list[RevocationRecord]:
        """The whole revocation log."""
        return await self.services.storage.revocations.after(0, 10_000)

    def ring_keys(self, use: str = "access") -> list[KeyRecord]:
        return [record for record in self.services.ring.records if record.use == use]

    def states(self, use: str = "access") -> list[tuple[str, str]]:
        """Algorithm and state of every key of a use, oldest first."""
        return [(record.alg, record.state) for record in self.ring_keys(use)]

    def key(self, state: str, use: str = "access", alg: str | None = None) -> KeyRecord:
        """The one key in that state."""
        found = [key for key in self.ring_keys(use) if key.state == state and alg in (None, key.alg)]
        assert len(found) == 1, found
        return found[0]

    def published(self) -> list[dict[str, Any]]:
        """The keys of the JWK Set as it is served."""
        keys = json.loads(self.services.ring.jwk_set)["keys"]
        assert isinstance(keys, list)
        return keys

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and the keys be moved as upkeep does."""
        self.clock.advance(seconds)
        await self.services.rotation.run_due()
        await self.services.guard.catch_up()


async def refresh(sessions: Sessions, token: str, origin: Origin, client_id: str = FIRST_PARTY) -> Refreshed:
    return await sessions.refresh(token, client_id=client_id, origin=origin, request_id="test")


@contextlib.asynccontextmanager
async def run_server(
    folder: Path, *, clock: FakeClock | None = None, configured: Settings | None = None, **changes: Any
) -> AsyncIterator[Server]:
    """A server on the database in `folder`, which is made when there is none."""
    clock = clock or FakeClock()
    chosen = configured or settings(folder, **changes)
    log_path = folder / "server.log"
    async with open_services(chosen, serving=True, clock=clock) as services:
        descriptor = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        log, metrics = Log(clock, descriptor), Metrics()
        try:
            door = build_door(services, log=log, metrics=metrics)
            yield Server(services, door, clock, log, metrics, log_path)
        finally:
            log.flush()
            os.close(descriptor)


@contextlib.asynccontextmanager
async def beside(server: Server, *, clock: Clock | None = None, **changes: Any) -> AsyncIterator[Services]:
    """The services as a command opens them beside the running server: connections and memory of their own."""
    chosen = msgspec.structs.replace(server.services.settings, **changes)
    async with open_services(chosen, serving=False, clock=clock or server.clock) as services:
        yield services


async def signed_in(server: Server) -> dict[str, Any]:
    """A fresh account, signed in: what login answered."""
    await server.account()
    answer = await server.client.log_in()
    assert answer.status == 200, answer
    return answer.json


async def until(condition: Callable[[], bool]) -> None:
    """Wait until what happens beside the test has happened."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for sets no event
            await asyncio.sleep(0.005)


def sid_of(tokens: Mapping[str, Any]) -> bytes:
    return sid_bytes(str(unverified_claims(tokens["access_token"])["sid"]))


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """The database file, as somebody opens it who has it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


def dump(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that the database holds."""
    with opened(path) as connection:
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {table: connection.execute(f"SELECT * FROM {table}").fetchall() for table in tables}  # noqa: S608


def raw_bytes(folder: Path) -> bytes:
    """The files of the database as they lie on the disk, what was deleted but not overwritten included."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob("tokenward.db*")))


def tamper(path: Path, statement: str, *values: object) -> None:
    """Change the database behind the server's back, as a restore or an intruder does."""
    with opened(path) as connection:
        connection.execute(statement, values)


def make_database(folder: Path) -> Path:
    """A migrated, empty database where a server with `settings(folder)` looks for it."""
    path = folder / "tokenward.db"
    migrate(path)
    return path
