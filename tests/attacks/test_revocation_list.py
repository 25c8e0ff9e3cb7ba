"""I24: a list of revocations that is made to grow, and one that cannot be read. It stays short, and fails closed."""

import time
import tracemalloc
from pathlib import Path

import pytest
from tests.server.building import (
    OTHER_PASSWORD,
    PASSWORD,
    Answer,
    Server,
    opened,
    run_server,
    sid_of,
    signed_in,
    tamper,
)
from tests.server.endpoints.admins import Route, admin_routes, sign_in_admin

from tokenward.errors import InvalidToken
from tokenward.jose import base64url
from tokenward.server.revocation.log import (
    DROP_MARGIN_SECONDS,
    LONGEST_TOKEN_SECONDS,
    SET_BACK_MARGIN_SECONDS,
)
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.storage.sqlite import SQLiteStorage
from tokenward.tokens.revocation_set import RevocationRecord, RevocationSet
from tokenward.tokens.verifier import TokenVerifier

_MOST_BYTES_FOR_EACH = 450
_DROP_SECONDS = LONGEST_TOKEN_SECONDS + DROP_MARGIN_SECONDS + SET_BACK_MARGIN_SECONDS


def _records(count: int, first: int = 1, drop_after: int = 2_000_000_000) -> list[RevocationRecord]:
    return [
        RevocationRecord(
            n, "token", base64url.encode(n.to_bytes(16, "big")).decode(), drop_after, "administrator"
        )
        for n in range(first, first + count)
    ]


def test_i24_a_record_takes_little_memory_and_gives_it_back() -> None:
    count, revoked = 100_000, RevocationSet()
    tracemalloc.start()
    try:
        for first in range(1, count, 2000):
            revoked.apply(_records(2000, first))
        held, _ = tracemalloc.get_traced_memory()
        assert len(revoked) == count
        assert held / count < _MOST_BYTES_FOR_EACH
        revoked.drop_expired(2_000_000_001)
        left, _ = tracemalloc.get_traced_memory()
        assert len(revoked) == 0
        # A dictionary keeps the places that it once had, and nothing else stays.
        assert left < held / 3
    finally:
        tracemalloc.stop()


async def test_i24_a_verdict_takes_as_long_with_a_million_records_as_with_none(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        verifier, revoked = server.services.verifier, server.services.revocations.revoked
        few = _best_of(verifier, tokens["access_token"])
        revoked.apply(_records(1_000_000))
        many = _best_of(verifier, tokens["access_token"])
        # Ten times leaves room for a busy machine; looking at each record would take some ten thousand times as long.
        assert many < 10 * few
        revoked.apply(
            [RevocationRecord(2_000_000, "session", sid_text(sid_of(tokens)), 2_000_000_000, "test")]
        )
        with pytest.raises(InvalidToken) as caught:
            verifier.verify(tokens["access_token"])
        assert caught.value.reason == "revoked: session"


def _best_of(verifier: TokenVerifier[object], token: str) -> float:
    best = float("inf")
    for _ in range(20):
        started = time.perf_counter()
        for _ in range(20):
            verifier.verify(token)
        best = min(best, time.perf_counter() - started)
    return best


async def test_i24_a_record_goes_when_the_last_token_it_could_match_has_expired_and_not_before(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path, access_token_seconds=LONGEST_TOKEN_SECONDS) as server:
        tokens = await signed_in(server)
        await server.client.post("/api/v1/auth/logout", token=tokens["access_token"])
        log = server.services.revocations
        assert [record.scope for record in await server.records()] == ["session"]
        server.clock.advance(LONGEST_TOKEN_SECONDS - 1)
        # The last second of the token, which nothing but the record refuses.
        await log.sweep(500)
        answer = await server.client.me(tokens["access_token"])
        assert (answer.status, answer.code) == (401, "invalid_token")
        assert server.log_lines("refused")[-1]["reason"] == "revoked: session"
        server.clock.advance(_DROP_SECONDS - LONGEST_TOKEN_SECONDS + 2)
        assert await log.sweep(500) == 1
        assert len(log.revoked) == 0
        assert await server.records() == []
        assert (await server.client.me(tokens["access_token"])).status == 401


async def test_i24_a_list_of_any_length_is_dropped_in_slices_to_its_end(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        log = server.services.revocations
        drop_after = int(server.clock.now()) + LONGEST_TOKEN_SECONDS + DROP_MARGIN_SECONDS
        await server.services.guard.catch_up()
        with opened(server.path) as connection:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO revocations (n, scope, value, drop_after, reason, revoked_at) VALUES (?, ?, ?, ?, ?, 0)",
                _records(10_000, drop_after=drop_after),
            )
            connection.execute("COMMIT")
        await server.services.guard.catch_up()
        assert len(log.revoked) == 10_000
        server.clock.advance(_DROP_SECONDS + 1)
        lengths = [len(log.revoked)]
        while await log.sweep(500):
            lengths.append(len(log.revoked))
        # No slice holds up the loop for more than its share, in the table or in memory.
        assert lengths == [*range(10_000, -1, -500)]
        assert await server.records() == []


async def _hammer(server: Server, tokens: dict[str, str]) -> None:
    """Everything that an account can do to write a record, again and again with the same tokens."""
    client, access, refresh = server.client, tokens["access_token"], tokens["refresh_token"]
    me = "/api/v1/users/me"
    for _ in range(20):
        await client.post(f"{me}/password", token=access, json={
            "current_password": "wrong " + PASSWORD, "new_password": OTHER_PASSWORD,
        })  # fmt: skip
        await client.request("DELETE", f"{me}/sessions", token=access)
        await client.refresh(refresh)
        await client.request("DELETE", f"{me}/sessions/{sid_text(sid_of(tokens))}", token=access)
        await client.post("/api/v1/auth/logout", json={"refresh_token": refresh})
        await client.post("/api/v1/auth/logout", token=access)
        await client.post("/api/v1/auth/logout-everywhere", token=access)
        await client.request("DELETE", me, token=access)


async def test_i24_nobody_without_rights_adds_records_faster_than_passwords_are_hashed(
    tmp_path: Path,
) -> None:
    async with run_server(tmp_path) as server:
        await server.account()
        tokens: list[dict[str, str]] = []
        for way in range(4):
            tokens = [(await server.client.log_in()).json for _ in range(5)]
            before = len(await server.records())
            if way == 1:
                # A cut-off takes every session with one record, and every token that could ask for another.
                await server.client.post("/api/v1/auth/logout-everywhere", token=tokens[0]["access_token"])
            if way == 2:
                # An old refresh token ends its session, once.
                for one in tokens:
                    await server.client.refresh(one["refresh_token"])
                server.clock.advance(60)
                for one in tokens * 20:
                    await server.client.refresh(one["refresh_token"])
            for one in tokens if way != 3 else tokens[:1]:
                await _hammer(server, one)
            # One for each sign-in, and each of those cost a hash.
            assert len(await server.records()) - before <= len(tokens), way
        # Without a sign-in nothing is written at all.
        before = len(await server.records())
        for route in await admin_routes(server):
            for token in (None, "a.b.c", tokens[0]["access_token"]):
                await route.ask(server, token)
        assert len(await server.records()) == before


async def _guarded_answers(server: Server, token: str, routes: list[Route]) -> list[Answer]:
    own = (
        ("GET", "/api/v1/users/me"),
        ("PATCH", "/api/v1/users/me"),
        ("DELETE", "/api/v1/users/me"),
        ("GET", "/api/v1/users/me/export"),
        ("POST", "/api/v1/users/me/password"),
        ("GET", "/api/v1/users/me/sessions"),
        ("DELETE", "/api/v1/users/me/sessions"),
        ("POST", "/api/v1/auth/logout"),
        ("POST", "/api/v1/auth/logout-everywhere"),
    )
    return [
        *[await route.ask(server, token) for route in routes],
        *[await server.client.request(method, path, token=token) for method, path in own],
    ]


async def test_i24_what_cannot_be_looked_up_is_never_accepted(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        token = (await sign_in_admin(server)).token
        routes = await admin_routes(server)
        # The head of the log is gone, as in a file that lost a page.
        tamper(server.path, "CREATE TABLE aside AS SELECT * FROM head")
        tamper(server.path, "DELETE FROM head")
        assert (await server.client.me(token)).code == "storage_unavailable"
        for answer in await _guarded_answers(server, token, routes):
            assert (answer.status, answer.code) == (503, "storage_unavailable")
            assert answer.header("retry-after") == "1"
        tamper(server.path, "INSERT INTO head SELECT * FROM aside")
        assert (await server.client.me(token)).status == 200


async def test_i24_a_database_that_cannot_be_read_closes_every_guarded_route(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        token = (await sign_in_admin(server)).token
        routes = await admin_routes(server)
        storage = server.services.storage
        assert isinstance(storage, SQLiteStorage)
        storage._reader.close()
        for answer in await _guarded_answers(server, token, routes):
            assert (answer.status, answer.code) == (503, "storage_unavailable")
        # A token that is wrong in itself gets no other answer either, which would tell it from a good one.
        assert (await server.client.me("a.b.c")).status == 503
        # What needs no database goes on.
        assert (await server.client.get("/.well-known/jwks.json")).status == 200
