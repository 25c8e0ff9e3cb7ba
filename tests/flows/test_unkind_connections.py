"""Clients that hold connections, drip, or never end: each is ended, and all others are served meanwhile."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.flows.client import Client, Tokens
from tests.flows.servers import PASSWORD, Installation, Server, installation
from tests.server.transport.certificates import HOST, make_pair

_SECONDS = 60
_GET = b"GET /healthz HTTP/1.1\r\nhost: a\r\n"
_POST = b"POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
# As systems commonly allow before they are asked for more.
_FEW_FILES = ("sh", "-c", 'ulimit -S -n 256; exec "$@"', "sh")

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(params=["plain", "tls"])
def context(request: pytest.FixtureRequest, tmp_path: Path) -> ssl.SSLContext | None:
    return make_pair(tmp_path / "tls").trusting() if request.param == "tls" else None


@pytest.fixture
def place(tmp_path: Path, context: ssl.SSLContext | None) -> Iterator[Installation]:
    tls = tmp_path / "tls"
    settings = {} if context is None else {"TLS_CERT": f"{tls}/cert.pem", "TLS_KEY": f"{tls}/key.pem"}
    with installation(tmp_path / "server", settings) as here:
        yield here


async def opened(server: Server, context: ssl.SSLContext | None) -> _Streams:
    name = None if context is None else HOST
    return await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname=name)


async def others_are_served(server: Server, context: ssl.SSLContext | None, email: str) -> None:
    """A client that knows nothing of all this registers, signs in and reads."""
    async with Client(*await opened(server, context)) as client:
        assert (await client.register(email, PASSWORD)).status == 201
        tokens = Tokens.of(await client.log_in(email, PASSWORD))
        assert (await client.me(tokens.access)).status == 200
        assert (await client.request("GET", "/readyz")).status == 200


@contextlib.asynccontextmanager
async def many(
    server: Server, context: ssl.SSLContext | None, count: int, sent: bytes
) -> AsyncIterator[list[_Streams]]:
    """So many connections on which `sent` was sent."""
    connections: list[_Streams] = []
    for _ in range(0, count, 50):
        connections += await asyncio.gather(*(opened(server, context) for _ in range(50)))
    for _, writer in connections:
        writer.write(sent)
    try:
        yield connections
    finally:
        for _, writer in connections:
            writer.transport.abort()


async def test_a_thousand_idle_connections(place: Installation, context: ssl.SSLContext | None) -> None:
    place.settings |= {"HEADER_TIMEOUT_SECONDS": "600", "KEEP_ALIVE_SECONDS": "600"}
    server = await asyncio.to_thread(place.start, *_FEW_FILES)
    async with (
        many(server, context, 500, b"") as unasked,
        many(server, context, 500, _GET + b"\r\n") as asked,
    ):
        async with asyncio.timeout(_SECONDS):
            for reader, _ in asked:
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        for number in range(5):
            await others_are_served(server, context, f"a{number}@example.com")
        # All are still there, and none holds up the end.
        assert not any(reader.at_eof() for reader, _ in unasked + asked)
        assert await asyncio.to_thread(server.stop) == 0
    assert server.faults() == []


async def test_idle_connections_end_after_their_time(
    place: Installation, context: ssl.SSLContext | None
) -> None:
    place.settings |= {"HEADER_TIMEOUT_SECONDS": "1", "KEEP_ALIVE_SECONDS": "1"}
    server = await asyncio.to_thread(place.start)
    async with many(server, context, 50, b"") as unasked, many(server, context, 50, _GET + b"\r\n") as asked:
        async with asyncio.timeout(_SECONDS):
            assert [await reader.read() for reader, _ in unasked] == [b""] * 50
            for reader, _ in asked:
                assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
    assert await asyncio.to_thread(server.stop) == 0
    assert server.faults() == []


async def _drip(streams: _Streams, drop: bytes) -> bytes:
    """Send a drop at a time without an end, and what the server said when it had enough."""
    reader, writer = streams

    async def drip() -> None:
        with contextlib.suppress(OSError):
            while drop and not writer.is_closing():
                writer.write(drop)
                await writer.drain()
                await asyncio.sleep(0.05 if len(drop) == 1 else 0)

    dripping = asyncio.create_task(drip())
    said = b""
    try:
        async with asyncio.timeout(_SECONDS):
            # What was sent in vain may make the kernel drop the connection, and the last words with it.
            with contextlib.suppress(OSError):
                while data := await reader.read(1000):
                    said += data
    finally:
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)
    return said


@pytest.mark.parametrize(
    ("sent", "drop", "status"),
    [
        (b"GET /", b"x", b"408"),
        (_GET + b"x: ", b"y", b"408"),
        (_POST + b"content-length: 1000\r\n\r\n", b" ", b"408"),
        (_GET + b"x: ", b"y" * 1000, b"431"),
        (_GET, b"x: " + b"y" * 500 + b"\r\n", b"431"),
        (b"GET /", b"x" * 1000, b"431"),
        (_POST + b"transfer-encoding: chunked\r\n\r\n", b"1000\r\n" + b" " * 4096 + b"\r\n", b"413"),
        (_POST + b"content-length: 60000\r\n\r\n", b"", b"408"),
        (_POST + b"content-length: 9000000000\r\n\r\n", b" " * 4096, b"413"),
    ],
    ids=[
        "a dripped request line",
        "a dripped header",
        "a dripped body",
        "a header without an end",
        "headers without an end",
        "a path without an end",
        "a body without an end",
        "a body that never starts",
        "a huge body",
    ],
)
async def test_what_never_ends_is_ended_and_others_are_served(
    place: Installation, context: ssl.SSLContext | None, sent: bytes, drop: bytes, status: bytes
) -> None:
    place.settings |= {"HEADER_TIMEOUT_SECONDS": "2", "BODY_TIMEOUT_SECONDS": "2"}
    server = await asyncio.to_thread(place.start)
    async with many(server, context, 50, sent) as connections:
        ending = asyncio.gather(*(_drip(streams, drop) for streams in connections))
        await others_are_served(server, context, "ada@example.com")
        said = await ending
        assert all(one.startswith(b"HTTP/1.1 " + status) for one in said if one)
        # A dripping client is told; one that floods may be cut off before it listens.
        assert all(said) or len(drop) > 1, said
    await others_are_served(server, context, "bea@example.com")
    assert await asyncio.to_thread(server.stop) == 0
    # `asyncio` and the server program have nothing to complain of that is the server's fault.
    assert [line for line in server.faults() if line["level"] == "error"] == []
