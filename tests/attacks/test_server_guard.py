"""H02, H07 and H08 at the server: who is let in with what, and that nobody makes the others wait for it."""

import asyncio
import contextlib
import os
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from tests.server.building import PASSWORD, Server, dump, run_server, signed_in, tamper, until
from tests.server.endpoints.admins import admin_routes, sign_in_admin

from tokenward.jose import base64url, jwt
from tokenward.jose.jwt import unverified_claims


async def test_h02_a_malformed_token_is_not_passed_over_for_another_one(tmp_path: Path) -> None:
    """Signing out is the one route that takes either of two tokens."""
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        body = {"refresh_token": tokens["refresh_token"]}
        for value in (b"Bearer x", b"Bearer ", b"Bearer", b"", b"x", b"Bearer a.b.c", b"Negotiate x"):
            answer = await server.client.post(
                "/api/v1/auth/logout", json=body, headers=[(b"authorization", value)]
            )
            assert answer.status == 401, value
        assert (await server.client.me(tokens["access_token"])).status == 200
        assert (await server.client.post("/api/v1/auth/logout", json=body)).status == 200


async def test_h07_no_role_that_resembles_it_and_no_scope_opens_a_route_of_administrators(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        claims = unverified_claims(tokens["access_token"])
        key = server.services.ring.signing_key("ES256")
        routes = await admin_routes(server)
        claimed: list[dict[str, object]] = [
            {},
            {"scope": "account admin"},
            {"scope": "admin"},
            {"roles": []},
            {"roles": ["administrator"]},
            {"roles": ["Admin"]},
            {"roles": ["ADMIN", "admin2", "superadmin"]},
            {"roles": ["admin,reader"]},
            {"role": "admin", "groups": ["admin"], "realm_access": {"roles": ["admin"]}},
            # The claim alone does not do it: the account has to have the role now.
            {"roles": ["admin"]},
        ]
        for more in claimed:
            token = jwt.sign(claims | more, key, typ="at+jwt")
            assert (await server.client.me(token)).status == 200, more
            before = dump(server.path)
            for route in routes:
                answer = await route.ask(server, token)
                assert (answer.status, answer.code) == (403, "insufficient_role"), (route, more)
                # Who lacks the right is told nothing of what is there.
                assert answer.json.keys() == {"type", "title", "status", "code", "detail", "request_id"}
            assert dump(server.path) == before
        # Nor the role of the account without the claim: a token does not become more than it was issued as.
        tamper(server.path, """UPDATE accounts SET roles = '["admin"]' WHERE sub = ?""", claims["sub"])
        for route in routes:
            assert (await route.ask(server, tokens["access_token"])).code == "insufficient_role"


async def test_h07_the_refusal_comes_before_anything_of_the_request_is_read(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        token = (await signed_in(server))["access_token"]
        for route in await admin_routes(server):
            for body in (b"{", b"x" * 2_000_000):
                answer = await server.client.request(
                    route.method, route.path, token=token, body=body, query=b"limit=0&limit=x"
                )
                assert (answer.status, answer.code) == (403, "insufficient_role"), route


async def _others_are_served(server: Server, tokens: dict[str, Any]) -> None:
    async with asyncio.timeout(10):
        assert (await server.client.me(tokens["access_token"])).status == 200
        assert (await server.client.get("/.well-known/jwks.json")).status == 200
        assert (await server.client.get("/healthz")).status == 200
        assert (await server.client.me("a.b.c")).status == 401


async def test_h08_while_passwords_are_hashed_everybody_else_is_served(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        (hashing,) = server.services.login._hasher._processes
        assert hashing._process is not None
        # As slow as a hash can be: the process that computes it stands still.
        os.kill(hashing._process.pid, signal.SIGSTOP)
        try:
            waiting = [asyncio.create_task(server.client.log_in()) for _ in range(5)]
            waiting.append(asyncio.create_task(server.client.log_in(PASSWORD, "nobody@example.com")))
            await until(lambda: server.services.login._hasher.unfinished == len(waiting))
            await _others_are_served(server, tokens)
            async with asyncio.timeout(10):
                assert (await server.client.refresh(tokens["refresh_token"])).status == 200
            assert not any(task.done() for task in waiting)
        finally:
            os.kill(hashing._process.pid, signal.SIGCONT)
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [200] * 5 + [401]


async def test_h08_while_a_commit_waits_for_the_disk_everybody_else_is_served(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        with contextlib.closing(sqlite3.connect(server.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(server.client.refresh(tokens["refresh_token"]))
            await asyncio.sleep(0.1)
            await _others_are_served(server, tokens)
            assert not waiting.done()
            other.execute("ROLLBACK")
        assert (await waiting).status == 200


_connections: list[object] | None = None


def _note_connections(event: str, arguments: tuple[object, ...]) -> None:
    if _connections is not None and event in ("socket.connect", "socket.getaddrinfo", "urllib.Request"):
        _connections.append((event, arguments[1:]))


sys.addaudithook(_note_connections)


@contextlib.contextmanager
def _connecting() -> Iterator[list[object]]:
    """What this process tried to reach meanwhile. A hook cannot be taken away again, so it is switched."""
    global _connections
    noted: list[object] = []
    _connections = noted
    try:
        yield noted
    finally:
        _connections = None


async def test_h08_no_token_makes_the_server_ask_anybody_for_keys(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        admin = await sign_in_admin(server)
        claims = unverified_claims(admin.token)
        with _connecting() as noted:
            for header in (
                {"kid": "unknown"},
                {"jku": "https://127.0.0.1:1/jwks.json"},
                {"x5u": "https://127.0.0.1:1/x"},
                {"jku": "http://127.0.0.1:1/", "kid": "unknown"},
            ):
                for iss in (claims["iss"], "https://127.0.0.1:1"):
                    parts = ({"alg": "ES256", "typ": "at+jwt", **header}, claims | {"iss": iss})
                    token = b".".join(base64url.encode(msgspec.json.encode(part)) for part in parts).decode()
                    answer = await server.client.me(f"{token}.{'A' * 86}")
                    assert (answer.status, answer.code) == (401, "invalid_token")
            for route in await admin_routes(server):
                await route.ask(server, admin.token)
            assert noted == []
            with contextlib.suppress(OSError), socket.socket() as control:
                control.connect(("127.0.0.1", 1))
            assert len(noted) == 1


async def test_h08_who_would_wait_too_long_is_refused_before_the_body_is_read(tmp_path: Path) -> None:
    async with run_server(tmp_path, password_queue=1) as server:
        await signed_in(server)
        (hashing,) = server.services.login._hasher._processes
        assert hashing._process is not None
        os.kill(hashing._process.pid, signal.SIGSTOP)
        try:
            waiting = [asyncio.create_task(server.client.log_in()) for _ in range(2)]
            await until(lambda: server.services.login._hasher.unfinished == 2)
            for path in ("/api/v1/auth/login", "/api/v1/auth/register"):
                for _ in range(50):
                    # The body never comes; whoever read it would have nobody to answer.
                    answer = await server.client.post(path, hangs_up=True)
                    assert (answer.status, answer.code) == (503, "overloaded")
                    assert answer.header("retry-after") == "1"
        finally:
            os.kill(hashing._process.pid, signal.SIGCONT)
        assert [answer.status for answer in await asyncio.gather(*waiting)] == [200, 200]
        # A storm does not fill the disk; how often it was is counted.
        assert len(server.log_lines("refused")) == 1
        assert (
            b'errors_total{code="overloaded"} 100.0'
            in (await server.client.get("/metrics", address="127.0.0.1")).body
        )
        server.clock.advance(1)
