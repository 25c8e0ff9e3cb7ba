"""The door behind the real HTTP protocol on a real socket, and a client that sends bytes as it likes."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import uvicorn
from tests.server.building import Server
from uvicorn.server import ServerState

from tokenward.server.endpoints.connection import limited
from tokenward.server.endpoints.draining import Draining

MAX_HEAD = 2048
HEAD_SECONDS = 0.4
BODY_SECONDS = 0.3
IDLE_SECONDS = 0.5


class Received(NamedTuple):
    """One answer as it came over the wire."""

    status: int
    head: str
    body: bytes


class Connection:
    """A client that sends raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    async def send(self, *parts: bytes, pause: float = 0) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()
            await asyncio.sleep(pause)

    async def answer(self, *, head_only: bool = False) -> Received:
        async with asyncio.timeout(5):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lengths = [
                int(line.partition(":")[2])
                for line in head.lower().split("\r\n")
                if line.startswith("content-length:")
            ]
            body = b"" if head_only or not lengths else await self._reader.readexactly(lengths[0])
        return Received(int(head.split(" ", 2)[1]), head, body)

    async def seconds_until_closed(self, limit: float = 3.0) -> tuple[float, bytes]:
        """How long it took until the server closed, and what it still said."""
        started = time.monotonic()
        async with asyncio.timeout(limit):
            rest = await self._reader.read()
        return time.monotonic() - started, rest


@contextlib.asynccontextmanager
async def listening(server: Server, draining: Draining | None = None) -> AsyncIterator[int]:
    """The port at which the server answers."""
    config = uvicorn.Config(
        server.door,
        http=limited(
            max_head_bytes=MAX_HEAD,
            head_timeout_seconds=HEAD_SECONDS,
            body_timeout_seconds=BODY_SECONDS,
            draining=draining,
            counts=server.metrics.connections,
        ),
        ws="none",
        lifespan="off",
        interface="asgi3",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,  # type: ignore[arg-type]
    )
    config.load()
    state = ServerState()

    def protocol() -> asyncio.Protocol:
        made: asyncio.Protocol = config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=state, app_state={}
        )
        return made

    listener = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1]
        for task in list(state.tasks):
            task.cancel()


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
