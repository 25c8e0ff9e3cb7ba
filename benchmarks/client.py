"""A small HTTP client on asyncio: signs in, chains refreshes, and times a steady trickle of them.

wrk makes the load; this client does what needs an exact count or an open loop.
"""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from typing import NamedTuple, Self

from benchmarks.processes import BenchmarkError
from benchmarks.wrk import FORM, JSON

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Account(NamedTuple):
    """An account that can sign in."""

    email: str
    password: str


class Session(NamedTuple):
    """The two tokens of a session."""

    refresh_token: str
    access_token: str


class Dialect(NamedTuple):
    """How a server is asked for a refresh; `template` holds an @ where the refresh token goes."""

    path: str
    content_type: str
    template: str


TOKENWARD = Dialect("/api/v1/auth/refresh", JSON, '{"refresh_token":"@"}')
OIDC_PROVIDER = Dialect("/token", FORM, "grant_type=refresh_token&client_id=bench&refresh_token=@")
BARE = Dialect("/", FORM, "refresh_token=@")


class Connection:
    """One kept-alive connection to 127.0.0.1; understands answers with a Content-Length only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """A connection to `port`, which must be listening."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        """Close it without waiting."""
        self._writer.close()

    async def send(self, method: str, path: str, body: bytes = b"", content_type: str = JSON) -> bytes:
        """Send one request and return the body of its answer.

        Raises:
            BenchmarkError: the status was not 200, or the connection was closed.
        """
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if body:
            head += f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
        self._writer.write(f"{head}\r\n".encode() + body)
        try:
            answer = await self._reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(answer)
            content = await self._reader.readexactly(int(length[1]) if length else 0)
        except asyncio.IncompleteReadError as error:
            raise BenchmarkError(f"void: {method} {path}: the connection was closed") from error
        if not answer.startswith(b"HTTP/1.1 200 "):
            raise BenchmarkError(f"void: {method} {path}: {answer[9:12].decode()} {content[:300]!r}")
        return content

    async def refresh(self, dialect: Dialect, refresh_token: str) -> Session:
        """The successor of the session that `refresh_token` belongs to."""
        body = dialect.template.replace("@", refresh_token).encode()
        answer = json.loads(await self.send("POST", dialect.path, body, dialect.content_type))
        # The bare application answers no token; its "session" stays what it is.
        return Session(answer.get("refresh_token", refresh_token), answer.get("access_token", ""))


async def fetch(port: int, path: str) -> bytes:
    connection = await Connection.open(port)
    try:
        return await connection.send("GET", path)
    finally:
        connection.close()


async def log_in(port: int, accounts: Sequence[Account], count: int, *, at_once: int = 4) -> list[Session]:
    """Make `count` sessions, the accounts in turn."""
    sessions: list[Session] = []
    numbers = iter(range(count))

    async def work() -> None:
        connection = await Connection.open(port)
        for number in numbers:
            account = accounts[number % len(accounts)]
            body = json.dumps(account._asdict()).encode()
            answer = json.loads(await connection.send("POST", "/api/v1/auth/login", body))
            sessions.append(Session(answer["refresh_token"], answer["access_token"]))
        connection.close()

    await asyncio.gather(*(work() for _ in range(at_once)))
    return sessions


async def refresh_exactly(port: int, dialect: Dialect, sessions: Sequence[Session], count: int) -> int:
    """Send `count` refreshes over one connection for each session, chained; returns `count`."""
    numbers = iter(range(count))

    async def work(session: Session) -> None:
        connection = await Connection.open(port)
        for _ in numbers:
            session = await connection.refresh(dialect, session.refresh_token)
        connection.close()

    await asyncio.gather(*(work(session) for session in sessions))
    return count


async def time_trickle(
    port: int, dialect: Dialect, sessions: list[Session], *, per_second: float, seconds: float
) -> list[float]:
    """The seconds that refreshes take at a low steady rate, each session on a connection of its own.

    An open loop: a request is sent when its time has come, not when the one before it was answered.
    `sessions` is updated, so that it can be used again.
    """
    taken: list[float] = []
    waiting: list[asyncio.Task[None]] = []
    free: asyncio.Queue[tuple[int, Connection]] = asyncio.Queue()
    for place in range(len(sessions)):
        free.put_nowait((place, await Connection.open(port)))

    async def one(place: int, connection: Connection) -> None:
        started = time.perf_counter()
        sessions[place] = await connection.refresh(dialect, sessions[place].refresh_token)
        taken.append(time.perf_counter() - started)
        free.put_nowait((place, connection))

    started = time.perf_counter()
    for number in range(int(per_second * seconds)):
        await asyncio.sleep(max(0.0, started + number / per_second - time.perf_counter()))
        waiting.append(asyncio.create_task(one(*await free.get())))
    await asyncio.gather(*waiting)
    while not free.empty():
        free.get_nowait()[1].close()
    return taken
