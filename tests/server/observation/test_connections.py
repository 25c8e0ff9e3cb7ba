"""Connections that are counted: how many are open, and why some were refused before they became a request."""

import asyncio

import pytest
from tests.server.building import Server, until
from tests.server.endpoints.sockets import HEAD_SECONDS, MAX_HEAD, connected, listening

START = b"POST /api/v1/auth/refresh HTTP/1.1\r\nhost: a\r\n"


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "silent"),
        (START, "head_timeout"),
        (START + b"content-length: 10\r\n\r\n", "body_timeout"),
        (START + b"x: " + b"y" * MAX_HEAD + b"\r\n\r\n", "head_too_large"),
        (START + b"x: " + b"y" * 2 * MAX_HEAD, "head_too_large"),
        (b"GET /healthz HTTP/1.1\r\n\r\n", "malformed"),
        (START + b"host: a\r\n\r\n", "malformed"),
        (b"\x16\x03\x01 this is no HTTP\r\n\r\n", "malformed"),
    ],
)
async def test_what_does_not_become_a_request_is_counted_once_by_why(
    server: Server, sent: bytes, reason: str
) -> None:
    counts = server.metrics.connections
    async with listening(server) as port, connected(port) as wire:
        await wire.send(sent)
        await wire.seconds_until_closed()
        await until(lambda: counts.open == 0)
    assert {name: count for name, count in counts.refused.items() if count} == {reason: 1}


async def test_open_connections_are_counted_while_they_are(server: Server) -> None:
    counts = server.metrics.connections
    async with listening(server) as port:
        async with connected(port), connected(port):
            await until(lambda: counts.open == 2)
        await until(lambda: counts.open == 0)
        await asyncio.sleep(HEAD_SECONDS * 1.5)
    assert set(counts.refused.values()) == {0}
