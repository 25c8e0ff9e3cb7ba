"""SIGTERM: what was accepted is answered whole, what was not was not done, and nothing holds the server up."""

import asyncio
import contextlib
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.flows.client import LOST, Client
from tests.flows.servers import PASSWORD, Installation, Server, installation
from tests.server.transport.certificates import HOST, make_pair

_SECONDS = 30
_HOLDERS = 8


class Place:
    """An installation, by TLS or without, and how its clients connect."""

    def __init__(self, here: Installation, context: ssl.SSLContext | None) -> None:
        self.here = here
        self._context = context

    async def connect(self, server: Server) -> Client:
        return Client(*await self.open(server))

    async def open(self, server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._context is None:
            return await asyncio.open_connection("127.0.0.1", server.port)
        return await asyncio.open_connection(
            "127.0.0.1", server.port, ssl=self._context, server_hostname=HOST
        )

    def settings(self, **changes: str) -> None:
        self.here.settings |= changes

    async def ended(self, server: Server) -> None:
        """Wait until it ended by itself, without an error."""
        assert await asyncio.to_thread(server.process.wait, _SECONDS) == 0
        assert server.faults() == []


@pytest.fixture(params=["plain", "tls"])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    settings, context = {}, None
    if request.param == "tls":
        pair = make_pair(tmp_path / "tls")
        settings = {"TLS_CERT": str(pair.certificate), "TLS_KEY": str(pair.key)}
        context = pair.trusting()
    with installation(tmp_path / "server", settings) as here:
        yield Place(here, context)


async def test_under_load_exactly_what_was_answered_was_done(place: Place) -> None:
    server = await asyncio.to_thread(place.here.start)
    answered: set[str] = set()

    async def register(client: Client, holder: int, number: int) -> None:
        email = f"a{holder}-{number}@example.com"
        answer = await client.register(email, PASSWORD)
        assert (answer.status, answer.json()["user"]["email"]) == (201, email), answer
        answered.add(email)

    async def on_one_connection(holder: int) -> None:
        with contextlib.suppress(*LOST):
            async with await place.connect(server) as client:
                for number in range(100_000):
                    await register(client, holder, number)

    async def on_new_connections(holder: int) -> None:
        with contextlib.suppress(*LOST):
            for number in range(100_000):
                async with await place.connect(server) as client:
                    await register(client, holder, number)

    async def stop() -> None:
        async with asyncio.timeout(_SECONDS):
            while len(answered) < 50:  # noqa: ASYNC110 - counted by all
                await asyncio.sleep(0.01)
        server.process.send_signal(signal.SIGTERM)

    async with asyncio.TaskGroup() as group:
        for holder in range(_HOLDERS):
            group.create_task(on_one_connection(holder))
            group.create_task(on_new_connections(holder + _HOLDERS))
        group.create_task(stop())
    await place.ended(server)
    assert {email for (email,) in place.here.rows("SELECT email FROM accounts")} == answered


async def _refused(place: Place, server: Server) -> None:
    """Wait until nobody new is let in."""
    async with asyncio.timeout(_SECONDS):
        with contextlib.suppress(*LOST):
            while True:
                async with await place.connect(server) as client:
                    await client.request("GET", "/healthz")


def _registration(email: str) -> tuple[bytes, bytes]:
    body = msgspec.json.encode({"email": email, "password": PASSWORD})
    head = (
        "POST /api/v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body[:10], body[10:]


async def _idle(place: Place, server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which one request was answered."""
    reader, writer = await place.open(server)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(b'{"status":"ok"}'))
    return reader, writer


async def test_a_request_in_flight_is_finished_while_idle_connections_end_and_new_ones_are_refused(
    place: Place,
) -> None:
    server = await asyncio.to_thread(place.here.start)
    reader, writer = await place.open(server)
    early, late = _registration("ada@example.com")
    writer.write(early)
    await writer.drain()
    asked, unasked = await _idle(place, server), await place.open(server)
    begun, begun_writer = await place.open(server)
    begun_writer.write(b"GET /healthz HTTP/1.1\r\nhos")
    await asyncio.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(_SECONDS):
        for idle in (asked[0], unasked[0], begun):
            with contextlib.suppress(ConnectionError):
                assert await idle.read() == b""
    await _refused(place, server)
    assert server.process.poll() is None
    writer.write(late)
    async with asyncio.timeout(_SECONDS):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 201 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert answer.endswith(b"}")
    await place.ended(server)
    for opened in (writer, begun_writer, asked[1], unasked[1]):
        opened.close()


async def test_a_body_that_does_not_come_is_told_and_does_not_hold_the_server_up(place: Place) -> None:
    # Without the drain's own limit it could take this long.
    place.settings(BODY_TIMEOUT_SECONDS="600")
    server = await asyncio.to_thread(place.here.start)
    reader, writer = await place.open(server)
    writer.write(_registration("ada@example.com")[0])
    await writer.drain()
    await asyncio.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(_SECONDS):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in answer
    await place.ended(server)
    writer.close()
    assert place.here.rows("SELECT * FROM accounts") == []


async def test_clients_that_never_say_goodbye_do_not_hold_the_server_up(place: Place) -> None:
    server = await asyncio.to_thread(place.here.start)
    # One never shakes hands, one shook them and then sleeps; in TLS both would have to answer for a clean end.
    silent = await asyncio.open_connection("127.0.0.1", server.port)
    sleeping = await _idle(place, server)
    sleeping[1].transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.sleep(0.3)
    server.process.send_signal(signal.SIGTERM)
    await place.ended(server)
    assert [line for line in server.log() if line["event"] == "drain.cut_off"] == []
    for writer in (silent[1], sleeping[1]):
        writer.transport.abort()


async def test_during_the_delay_everything_is_answered_but_it_is_not_ready(place: Place) -> None:
    place.settings(DRAIN_DELAY_SECONDS="60")
    server = await asyncio.to_thread(place.here.start)
    async with await place.connect(server) as client:
        assert (await client.request("GET", "/readyz")).status == 200
        server.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(_SECONDS):
            while (answer := await client.request("GET", "/readyz")).status == 200:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "shutting_down", "1")
        # Longer than the program takes to notice.
        await asyncio.sleep(1)
        assert (await client.request("GET", "/healthz")).status == 200
        async with await place.connect(server) as another:
            assert (await another.register("ada@example.com", PASSWORD)).status == 201
    # Whoever cannot wait says so a second time.
    server.process.send_signal(signal.SIGINT)
    await place.ended(server)
