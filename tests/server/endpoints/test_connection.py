"""Limits of one connection, over a real socket: how much a client may send before it is answered, and how slowly."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator

import pytest
from tests.server.building import Server
from tests.server.endpoints.sockets import (
    BODY_SECONDS,
    HEAD_SECONDS,
    IDLE_SECONDS,
    MAX_HEAD,
    Connection,
    Received,
    connected,
    listening,
)

from tokenward.server.endpoints.draining import Draining

GET = b"GET /healthz HTTP/1.1\r\nhost: a\r\n"
POST = b"POST /api/v1/auth/refresh HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
UNKNOWN = b"POST /nowhere HTTP/1.1\r\nhost: a\r\n"


@pytest.fixture
async def port(server: Server) -> AsyncIterator[int]:
    async with listening(server) as it:
        yield it


@pytest.fixture
async def wire(port: int) -> AsyncIterator[Connection]:
    async with connected(port) as it:
        yield it


def code(answer: Received) -> str:
    assert "content-type: application/problem+json" in answer.head
    return str(json.loads(answer.body)["code"])


async def alive(port: int) -> None:
    """The server goes on answering others."""
    async with connected(port) as other:
        await other.send(GET + b"\r\n")
        assert (await other.answer()).status == 200


async def test_requests_on_one_connection_are_answered_one_after_the_other(wire: Connection) -> None:
    for _ in range(3):
        await wire.send(GET + b"\r\n")
        assert (await wire.answer()).status == 200
    await wire.send((GET + b"\r\n") * 3)
    assert [(await wire.answer()).status for _ in range(3)] == [200] * 3
    body = b'{"refresh_token":"x"}'
    await wire.send(POST + b"content-length: %d\r\n\r\n" % len(body), body)
    assert code(await wire.answer()) == "invalid_grant"
    await wire.send(POST + b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    assert code(await wire.answer()) == "invalid_grant"


async def test_head_has_the_length_and_no_body(wire: Connection) -> None:
    await wire.send(b"HEAD /healthz HTTP/1.1\r\nhost: a\r\n\r\n" + GET + b"\r\n")
    assert "content-length: 15" in (await wire.answer(head_only=True)).head
    assert (await wire.answer()).body == b'{"status":"ok"}'


async def test_a_head_that_just_fits_is_answered(wire: Connection) -> None:
    # The request line counts as the target does, each header with its separators.
    room = MAX_HEAD - len(b"/healthz") - len(b"host") - len(b"a") - 4 - len(b"x") - 4
    await wire.send(GET + b"x: " + b"y" * room + b"\r\n\r\n")
    assert (await wire.answer()).status == 200
    await wire.send(GET + b"x: " + b"y" * (room + 1) + b"\r\n\r\n")
    assert (await wire.answer()).status == 431


@pytest.mark.parametrize(
    "head",
    [
        GET + b"cookie: " + b"x" * 3000 + b"\r\n\r\n",
        GET + b"".join(b"x-%d: y\r\n" % place for place in range(400)) + b"\r\n",
        b"GET /" + b"x" * 3000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /healthz?" + b"x" * 3000 + b" HTTP/1.1\r\nhost: a\r\n\r\n",
        # Without an end: what is still to come could be endless.
        GET + b"cookie: " + b"x" * 100_000,
    ],
    ids=["one big header", "many headers", "a long path", "a long query", "no end"],
)
async def test_a_head_that_is_too_large_is_told_and_the_connection_ends(
    server: Server, port: int, wire: Connection, head: bytes
) -> None:
    await wire.send(head)
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (431, "headers_too_large")
    assert str(MAX_HEAD) in json.loads(answer.body)["detail"]
    assert "connection: close" in answer.head
    assert (await wire.seconds_until_closed())[1] == b""
    await alive(port)
    assert server.log_lines("error") == []


async def test_a_head_that_is_dripped_is_counted_over_all_its_parts(port: int, wire: Connection) -> None:
    await wire.send(GET, *[b"x-%03d: " % place + b"y" * 90 + b"\r\n" for place in range(21)], pause=0.005)
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (431, "headers_too_large")
    await alive(port)


async def test_one_header_that_is_dripped_is_counted_too(wire: Connection) -> None:
    await wire.send(GET + b"cookie: ", *[b"x" * 100] * 22, pause=0.005)
    assert (await wire.answer()).status == 431


async def test_the_second_head_of_a_connection_has_a_limit_of_its_own(wire: Connection) -> None:
    filled = GET + b"x: " + b"y" * 1500 + b"\r\n\r\n"
    for _ in range(3):
        await wire.send(filled[:700], filled[700:], pause=0.005)
        assert (await wire.answer()).status == 200
    await wire.send(GET + b"x: " + b"y" * 3000 + b"\r\n\r\n")
    assert (await wire.answer()).status == 431


async def test_a_head_that_does_not_arrive_in_time_is_told(port: int, wire: Connection) -> None:
    await wire.send(b"GET /healthz HTTP/1.1\r\n")
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (408, "request_timeout")
    assert "head" in json.loads(answer.body)["detail"]
    assert (await wire.seconds_until_closed())[1] == b""
    await alive(port)


async def dripped(wire: Connection, drop: bytes) -> tuple[float, Received]:
    """Send a drop at a time until there is an answer; how long that took."""

    async def drip() -> None:
        with contextlib.suppress(ConnectionError):
            await wire.send(*[drop] * 200, pause=0.02)

    started = time.monotonic()
    dripping = asyncio.create_task(drip())
    try:
        answer = await wire.answer()
        return time.monotonic() - started, answer
    finally:
        dripping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await dripping


async def test_dripping_a_head_does_not_put_its_end_off(wire: Connection) -> None:
    await wire.send(GET + b"x: ")
    seconds, answer = await dripped(wire, b"y")
    assert (answer.status, code(answer)) == (408, "request_timeout")
    assert seconds < HEAD_SECONDS + 1


async def test_the_second_head_has_its_time_too(wire: Connection) -> None:
    await wire.send(GET + b"\r\n")
    assert (await wire.answer()).status == 200
    await wire.send(b"GET /healthz")
    assert (await wire.answer()).status == 408


async def test_a_connection_on_which_nothing_was_asked_is_closed_without_a_word(wire: Connection) -> None:
    seconds, said = await wire.seconds_until_closed()
    assert said == b""
    assert HEAD_SECONDS * 0.8 <= seconds < HEAD_SECONDS + 1


async def test_an_idle_connection_is_closed(wire: Connection) -> None:
    await wire.send(GET + b"\r\n")
    await wire.answer()
    seconds, said = await wire.seconds_until_closed()
    assert said == b""
    assert IDLE_SECONDS * 0.8 <= seconds < IDLE_SECONDS + 1


@pytest.mark.parametrize("body", [b"", b'{"refresh_tok'])
async def test_a_body_that_does_not_arrive_in_time_is_told(port: int, wire: Connection, body: bytes) -> None:
    await wire.send(POST + b"content-length: 100\r\n\r\n" + body)
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (408, "request_timeout")
    assert "body" in json.loads(answer.body)["detail"]
    assert (await wire.seconds_until_closed())[1] == b""
    await alive(port)


async def test_dripping_a_body_does_not_put_its_end_off(wire: Connection) -> None:
    await wire.send(POST + b"content-length: 1000\r\n\r\n")
    seconds, answer = await dripped(wire, b" ")
    assert (answer.status, code(answer)) == (408, "request_timeout")
    assert seconds < BODY_SECONDS + 1


async def test_a_body_in_chunks_without_an_end_is_stopped_at_the_limit(
    server: Server, wire: Connection
) -> None:
    limit = server.services.settings.max_body_bytes
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    await wire.send(POST + b"transfer-encoding: chunked\r\n\r\n")
    await wire.send(*[chunk] * (limit // 4096 + 1))
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (413, "body_too_large")
    assert "connection: close" in answer.head
    assert (await wire.seconds_until_closed())[1] == b""


async def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(wire: Connection) -> None:
    await wire.send(POST + b"content-length: 1000000\r\nexpect: 100-continue\r\n\r\n")
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (413, "body_too_large")
    assert (await wire.seconds_until_closed())[1] == b""


async def test_a_client_that_waits_to_be_told_to_send_its_body_is_told(wire: Connection) -> None:
    body = b'{"refresh_token":"x"}'
    await wire.send(POST + b"content-length: %d\r\nexpect: 100-continue\r\n\r\n" % len(body))
    assert (await wire.answer(head_only=True)).status == 100
    await wire.send(body)
    assert code(await wire.answer()) == "invalid_grant"


async def test_a_client_that_never_sends_the_body_of_a_refused_request_holds_no_connection(
    wire: Connection,
) -> None:
    await wire.send(UNKNOWN + b"content-length: 10\r\n\r\n")
    assert (await wire.answer()).status == 404
    seconds, _ = await wire.seconds_until_closed()
    assert seconds < IDLE_SECONDS + 1


@pytest.mark.parametrize("late", [b"0", b"0123456789"], ids=["a part", "whole"])
async def test_a_client_that_sends_the_body_of_a_refused_request_late_holds_no_connection(
    wire: Connection, late: bytes
) -> None:
    await wire.send(UNKNOWN + b"content-length: 10\r\n\r\n")
    assert (await wire.answer()).status == 404
    await wire.send(late)
    seconds, _ = await wire.seconds_until_closed()
    assert seconds < IDLE_SECONDS + 1


async def test_an_empty_line_does_not_hold_an_idle_connection(wire: Connection) -> None:
    await wire.send(GET + b"\r\n")
    await wire.answer()
    await wire.send(b"\r\n", pause=0.1)
    seconds, said = await wire.seconds_until_closed()
    assert said == b""
    assert seconds < IDLE_SECONDS + 1


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"HELLO\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        GET + b"no colon\r\n\r\n",
        GET + b"x: a\x00b\r\n\r\n",
        GET + b"x\x00y: a\r\n\r\n",
        GET + b"x : a\r\n\r\n",
        GET + b" folded\r\n\r\n",
        b"GET /h\xc3\xa4 HTTP/1.1\r\nhost: a\r\n\r\n",
        b"CONNECT example.com:443 HTTP/1.1\r\nhost: a\r\n\r\n",
        POST + b"content-length: -1\r\n\r\n",
        POST + b"content-length: 1x\r\n\r\n",
        POST + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        # Whoever reads these two differently than the proxy before it can be fed a second request.
        POST + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        POST + b"transfer-encoding: chunked\r\n\r\nxyz\r\n",
    ],
)
async def test_what_is_not_well_formed_http_is_told_so_and_the_connection_ends(
    server: Server, port: int, wire: Connection, request_bytes: bytes
) -> None:
    await wire.send(request_bytes)
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (400, "invalid_request")
    assert "connection: close" in answer.head
    assert (await wire.seconds_until_closed())[1] == b""
    await alive(port)
    assert server.log_lines("error") == []


async def test_an_upgrade_is_answered_as_the_plain_request_that_it_also_is(wire: Connection) -> None:
    await wire.send(
        b"GET /api/v1/users/me HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert code(await wire.answer()) == "missing_token"


@pytest.mark.parametrize("protocol", [b"h2c", b"websocket", b"other"])
@pytest.mark.parametrize(
    "framing", [b"content-length: %d", b"content-length: 00%d", b"transfer-encoding: chunked"]
)
@pytest.mark.parametrize("at_once", [True, False])
async def test_the_body_of_an_upgrade_is_not_read_as_the_next_request(
    server: Server, port: int, wire: Connection, protocol: bytes, framing: bytes, at_once: bool
) -> None:
    """Request smuggling: a proxy that passes on `Upgrade` saw one request, and would be given two answers."""
    hidden = b"GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n"
    framing = framing % len(hidden) if b"%" in framing else framing
    head = POST + b"connection: upgrade\r\nupgrade: " + protocol + b"\r\n" + framing + b"\r\n\r\n"
    with contextlib.suppress(ConnectionError):
        if at_once:
            await wire.send(head + hidden)
        else:
            await wire.send(head)
            await wire.send(hidden)
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (400, "invalid_request")
    assert b"Upgrade" in answer.body
    assert "connection: close" in answer.head
    with contextlib.suppress(ConnectionError):
        assert (await wire.seconds_until_closed())[1] == b""
    assert server.metrics.connections.refused["malformed"] == 1
    await alive(port)


async def test_after_an_upgrade_the_connection_is_closed(wire: Connection) -> None:
    """What came with it was dropped, so what comes next may be the body of a request that nobody read."""
    upgrade = GET + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 0\r\n\r\n"
    hidden = GET + b"\r\n"
    with contextlib.suppress(ConnectionError):
        await wire.send(upgrade + UNKNOWN + b"content-length: %d\r\n\r\n" % len(hidden))
        await wire.send(hidden)
    answer = await wire.answer()
    assert answer.status == 200
    assert "connection: close" in answer.head
    with contextlib.suppress(ConnectionError):
        assert (await wire.seconds_until_closed())[1] == b""


async def test_a_client_that_goes_away_in_the_middle_does_no_harm(server: Server, port: int) -> None:
    for part in (b"", b"GET /he", GET + b"\r\n", POST + b"content-length: 50\r\n\r\n{"):
        async with connected(port) as wire:
            await wire.send(part)
    await alive(port)
    assert server.log_lines("error") == []


async def test_a_connection_that_is_made_while_the_server_stops_is_closed_at_once(server: Server) -> None:
    draining = Draining()
    async with listening(server, draining) as port:
        await alive(port)
        draining.closed = True
        async with connected(port) as wire:
            with contextlib.suppress(ConnectionError):
                await wire.send(GET + b"\r\n")
                assert (await wire.seconds_until_closed())[1] == b""


@pytest.mark.parametrize(
    "head",
    [
        b"GET /healthz HTTP/1.1\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: a\r\nhost: a\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: a\r\nx: y\r\nhOST: b\r\n",
        b"GET /healthz HTTP/1.0\r\nhost: a\r\nhost: b\r\n",
        b"GET http://a/healthz HTTP/1.1\r\n",
    ],
)
async def test_a_request_that_does_not_name_one_host_is_refused(
    server: Server, port: int, wire: Connection, head: bytes
) -> None:
    """RFC 9112 section 3.2."""
    await wire.send(head + b"\r\n")
    answer = await wire.answer()
    assert (answer.status, code(answer)) == (400, "invalid_request")
    assert "connection: close" in answer.head
    assert (await wire.seconds_until_closed())[1] == b""
    await alive(port)
    assert server.log_lines("library") == []


async def test_http_1_0_needs_no_host_and_an_empty_one_is_one(port: int) -> None:
    for head in (b"GET /healthz HTTP/1.0\r\n", b"GET /healthz HTTP/1.1\r\nhost:\r\n"):
        async with connected(port) as wire:
            await wire.send(head + b"\r\n")
            assert (await wire.answer()).status == 200
