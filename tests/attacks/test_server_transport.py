"""H on the wire: what hostile bytes, proxies and connections may not do to a real server, by TLS and without."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.flows.client import LOST, Answer, Client, Tokens
from tests.flows.servers import PASSWORD, Server, installation
from tests.server.transport.certificates import HOST, make_pair

_EMAIL = "ada@example.com"
_ME = "/api/v1/users/me"
_TRUSTED = "127.0.0.2"
_STRANGER = "127.0.0.3"
_SECONDS = 30


class Target(NamedTuple):
    """A server with one account, and how it is reached."""

    server: Server
    context: ssl.SSLContext | None
    tokens: Tokens

    async def connect(self, address: str = "127.0.0.1") -> Client:
        """A client that comes from this address of the loopback network."""
        return Client(*await self._open(address))

    async def _open(self, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        name = None if self.context is None else HOST
        return await asyncio.open_connection(
            "127.0.0.1", self.server.port, ssl=self.context, server_hostname=name, local_addr=(address, 0)
        )

    async def ask(self, method: str, path: str, *lines: str, address: str = "127.0.0.1") -> Answer:
        """One request with these header lines, on a connection of its own."""
        reader, writer = await self._open(address)
        head = [f"{method} {path} HTTP/1.1", "host: a", "connection: close", *lines, "", ""]
        writer.write("\r\n".join(head).encode("latin-1"))
        async with asyncio.timeout(_SECONDS):
            said = await reader.read()
        writer.close()
        top, _, body = said.partition(b"\r\n\r\n")
        first, *rest = top.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in rest)}
        return Answer(int(first.split()[1]), headers, body)

    async def fail_to_log_in(self, *lines: str, address: str) -> str:
        """The code that a wrong password is refused with."""
        body = f'{{"email": "{_EMAIL}", "password": "not this one at all"}}'
        reader, writer = await self._open(address)
        head = [
            "POST /api/v1/auth/login HTTP/1.1",
            "host: a",
            "content-type: application/json",
            "connection: close",
        ]
        head += [f"content-length: {len(body)}", *lines, "", body]
        writer.write("\r\n".join(head).encode("latin-1"))
        async with asyncio.timeout(_SECONDS):
            said = await reader.read()
        writer.close()
        top, _, content = said.partition(b"\r\n\r\n")
        return Answer(int(top.split()[1]), {}, content).code


@pytest.fixture(params=["plain", "tls"])
async def target(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Target]:
    settings = {"TRUSTED_PROXIES": f"{_TRUSTED}/32", "LOGIN_BURST": "3", "ACCESS_LOG": "true"}
    context = None
    if request.param == "tls":
        pair = make_pair(tmp_path / "tls")
        settings |= {"TLS_CERT": str(pair.certificate), "TLS_KEY": str(pair.key)}
        context = pair.trusting()
    with installation(tmp_path / "server", settings) as place:
        server = await asyncio.to_thread(place.start)
        name = None if context is None else HOST
        streams = await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname=name)
        async with Client(*streams) as client:
            assert (await client.register(_EMAIL, PASSWORD)).status == 201
            tokens = Tokens.of(await client.log_in(_EMAIL, PASSWORD))
        yield Target(server, context, tokens)
        assert await asyncio.to_thread(server.stop) == 0
        assert [line for line in server.faults() if line["level"] == "error"] == []


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


async def test_h01_two_authorization_headers_on_the_wire_are_refused(target: Target) -> None:
    good = target.tokens.access
    for lines in (
        (bearer(good), bearer(good)),
        (bearer(good), "authorization: Basic eDp5"),
        ("AUTHORIZATION: Bearer a.b.c", bearer(good)),
        (f"Authorization: Bearer {good}, Bearer {good}",),
    ):
        answer = await target.ask("GET", _ME, *lines)
        assert answer.status in (400, 401), lines
        assert b"email" not in answer.body
    # A folded line would be one header for us and two for a proxy.
    assert (await target.ask("GET", _ME, "authorization:", f" Bearer {good}")).code == "invalid_request"
    assert (await target.ask("GET", f"{_ME}?access_token={good}")).code == "invalid_request"
    assert (await target.ask("GET", _ME, bearer(good))).status == 200


async def test_h04_no_method_and_no_upgrade_gets_round_the_guard(target: Target) -> None:
    upgrade = (
        "connection: upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "sec-websocket-key: eA==",
    )
    assert (await target.ask("GET", _ME, *upgrade)).code == "missing_token"
    assert (await target.ask("GET", _ME, "connection: upgrade, http2-settings", "upgrade: h2c")).code == (
        "missing_token"
    )
    for method in ("HEAD", "OPTIONS", "TRACE", "PUT", "PROPFIND"):
        answer = await target.ask(method, _ME, "x-http-method-override: GET", "x-method-override: GET")
        assert answer.status in (401, 405, 400), method
        assert _EMAIL.encode() not in answer.body
    assert (await target.ask("POST", _ME, "content-length: 0", "x-http-method-override: PATCH")).status == 405


async def test_h04_a_second_request_hidden_in_the_first_is_not_answered(target: Target) -> None:
    """Request smuggling: a proxy that reads the lengths otherwise would hand its answer to somebody else."""
    hidden = f"GET {_ME} HTTP/1.1\r\nhost: a\r\n{bearer(target.tokens.access)}\r\n\r\n"
    for lines in (
        ("content-length: 0", "transfer-encoding: chunked"),
        (f"content-length: {len(hidden)}", "content-length: 0"),
        ("transfer-encoding: chunked", "transfer-encoding: identity"),
        ("transfer-encoding: xchunked",),
        ("transfer-encoding : chunked",),
    ):
        answer = await target.ask("POST", "/api/v1/auth/refresh", *lines, "", hidden)
        assert answer.status in (400, 415), lines
        assert _EMAIL.encode() not in answer.body


async def test_h05_line_breaks_in_a_header_do_not_make_a_header_or_a_log_line(target: Target) -> None:
    for evil in ("a\rset-cookie: x=y", "a\nset-cookie: x=y", "a\x00b", 'a" , error="x'):
        answer = await target.ask("GET", _ME, f"authorization: Bearer {evil}", f"user-agent: {evil}")
        assert answer.status in (400, 401), evil
        assert "set-cookie" not in answer.headers
        assert "x=y" not in answer.headers.get("www-authenticate", "")
    assert all(isinstance(line, dict) for line in target.server.log())
    assert "set-cookie" not in target.server.log_text()


async def test_h10_no_token_on_the_wire_reaches_the_log(target: Target) -> None:
    access, refresh = target.tokens
    await target.ask("GET", _ME, bearer(access))
    await target.ask("GET", f"{_ME}?access_token={access}")
    await target.ask("GET", f"/{access}")
    await target.ask("GET", _ME, f"x-forwarded-for: {access}", address=_TRUSTED)
    await target.ask(access, _ME)
    await target.ask("GET", _ME, access)
    assert len(target.server.log()) > 3
    assert access not in target.server.log_text()
    assert refresh not in target.server.log_text()


async def test_h11_an_authorization_header_of_any_size_and_any_bytes_is_refused(target: Target) -> None:
    assert (await target.ask("GET", _ME, bearer("\xff\xfe\x80"))).code == "invalid_token"
    assert (await target.ask("GET", _ME, bearer("a" * 9000))).code == "invalid_token"
    async with await target.connect() as client:
        client.send("GET", _ME, token="a" * 20_000)
        answer = await client.read_answer()
        assert (answer.status, answer.code) == (431, "headers_too_large")
    async with await target.connect() as client:
        # A megabyte: it may be cut off before it listens, and nobody else notices.
        client.send("GET", _ME, token="a" * 1_000_000)
        with contextlib.suppress(*LOST):
            assert (await client.read_answer()).status == 431
    assert (await target.ask("GET", _ME, bearer(target.tokens.access))).status == 200


# A proxy that lies about addresses.

_OF_A_FRIEND = "198.51.100.7"


async def test_whoever_is_no_trusted_proxy_cannot_choose_an_address_to_be_throttled_by(
    target: Target,
) -> None:
    codes = [
        await target.fail_to_log_in(
            f"x-forwarded-for: 203.0.113.{place}", f"forwarded: for=203.0.113.{place}", address=_STRANGER
        )
        for place in range(6)
    ]
    assert codes[-1] == "rate_limited"
    # And nobody else is throttled for it: the friend whose address was told lives elsewhere.
    assert await target.fail_to_log_in(f"x-forwarded-for: {_OF_A_FRIEND}", address=_TRUSTED) == (
        "invalid_credentials"
    )


async def test_what_a_client_wrote_before_the_proxy_does_not_choose_its_address_either(
    target: Target,
) -> None:
    codes = [
        await target.fail_to_log_in(
            f"x-forwarded-for: 192.0.2.{place}, {_TRUSTED}, 203.0.113.9",
            f"forwarded: for=192.0.2.{place}",
            address=_TRUSTED,
        )
        for place in range(6)
    ]
    assert codes[-1] == "rate_limited"
    assert await target.fail_to_log_in(f"x-forwarded-for: {_OF_A_FRIEND}", address=_TRUSTED) == (
        "invalid_credentials"
    )


async def test_nobody_behind_a_proxy_reads_the_metrics_by_saying_that_they_are_local(target: Target) -> None:
    assert (await target.ask("GET", "/metrics")).status == 200
    for lines in (
        ("x-forwarded-for: 203.0.113.9",),
        ("x-forwarded-for: 127.0.0.1, 203.0.113.9",),
        ("x-forwarded-for: 127.0.0.1", "x-forwarded-for: 203.0.113.9"),
        ("x-forwarded-for: 203.0.113.9", "forwarded: for=127.0.0.1"),
        ("x-forwarded-for: 203.0.113.9", "x-real-ip: 127.0.0.1"),
        # A proxy that does not know must not lend its own address.
        ("x-forwarded-for: unknown",),
    ):
        assert (await target.ask("GET", "/metrics", *lines, address=_TRUSTED)).status == 404, lines
    for value in ("nonsense", "203.0.113.9, nonsense", "203.0.113.999", "\xff"):
        answer = await target.ask("GET", "/metrics", f"x-forwarded-for: {value}", address=_TRUSTED)
        assert (answer.status, answer.code) == (400, "invalid_request"), value
    told = [line for line in target.server.log() if line["event"] == "proxy.address_unreadable"]
    assert [(line["level"], line["address"]) for line in told] == [("warning", _TRUSTED)] * 4


async def test_a_proxy_does_not_say_by_which_scheme_or_name_a_client_came(target: Target) -> None:
    lines = (
        "x-forwarded-proto: http",
        "x-forwarded-host: evil.example",
        "forwarded: for=1.2.3.4;host=evil.example",
    )
    answer = await target.ask("GET", "/.well-known/openid-configuration", *lines, address=_TRUSTED)
    assert answer.status == 200
    assert b"evil.example" not in answer.body
    assert b"http://" not in answer.body
