"""What an access token says (RFC 9068 section 2), and from when to when."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import AUDIENCE, ISSUER, Server, run_server

from tokenward.errors import InvalidToken
from tokenward.jose.jws import unverified_header
from tokenward.jose.jwt import unverified_claims
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.sessions.sessions import Refreshed
from tokenward.server.token_issuer import TokenIssuer, TokenResponse


def issuer_of(server: Server) -> TokenIssuer:
    settings = server.services.settings
    return TokenIssuer(
        issuer=settings.issuer,
        ring=server.services.ring,
        algorithm=settings.access_token_algorithm,
        access_token_seconds=settings.access_token_seconds,
    )


def issue(server: Server, refreshed: Refreshed) -> tuple[TokenResponse, dict[str, Any]]:
    response = issuer_of(server).issue(refreshed)
    return response, unverified_claims(response.access_token)


async def test_a_token_says_what_rfc_9068_asks_for_and_what_ours_add(server: Server) -> None:
    started = await server.start(await server.account(roles=["admin", "reader"]))
    response, claims = issue(server, started)
    now = int(server.clock.now())
    jti = claims.pop("jti")
    assert claims == {
        "iss": ISSUER,
        "sub": started.session.sub,
        "aud": AUDIENCE,
        "client_id": "first-party",
        "iat": now,
        "exp": now + 900,
        "scope": "account",
        "sid": sid_text(started.session.sid),
        "auth_time": now,
        "amr": ["pwd"],
        "roles": ["admin", "reader"],
        "rsq": started.rsq,
    }
    assert len(jti) == 22
    header = unverified_header(response.access_token)
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": server.key("active").kid}
    assert (response.expires_in, response.scope, response.sub) == (900, "account", started.session.sub)
    assert server.services.verifier.verify(response.access_token).roles == ("admin", "reader")


async def test_no_two_tokens_have_the_same_id(server: Server) -> None:
    started = await server.start(await server.account())
    assert len({issue(server, started)[1]["jti"] for _ in range(200)}) == 200


async def test_exp_never_passes_the_end_of_the_session(tmp_path: Path) -> None:
    async with run_server(tmp_path, refresh_idle_seconds=2000, refresh_absolute_seconds=2000) as server:
        started = await server.start(await server.account())
        end = started.session.absolute_expires_at
        server.clock.advance(1999)
        response, claims = issue(server, await server.refresh(started.refresh_token))
        assert claims["exp"] == end
        assert response.expires_in == 1
        server.clock.advance(1)
        with pytest.raises(InvalidToken):
            server.services.verifier.verify(response.access_token)


async def test_iat_is_the_time_of_the_statement_and_not_of_signing(server: Server) -> None:
    started = await server.start(await server.account())
    server.clock.advance(100)
    _, claims = issue(server, started)
    assert claims["iat"] == started.at == int(server.clock.now()) - 100
    assert claims["exp"] == started.at + 900


async def test_iat_is_read_no_later_than_the_statement_that_saw_the_session_alive(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = await server.start(await server.account())
    storage, apply, before = server.services.storage, server.services.storage.apply, int(server.clock.now())

    async def slow(unit: Any) -> Any:
        outcome = await apply(unit)
        server.clock.advance(50)
        return outcome

    monkeypatch.setattr(storage, "apply", slow)
    refreshed = await server.refresh(started.refresh_token)
    assert refreshed.at == before


async def test_rsq_is_the_head_of_the_log_in_that_statement(server: Server) -> None:
    log = server.services.revocations
    await server.apply(log.record("token", "jti-1", "test"))
    started = await server.start(await server.account())
    assert started.rsq == 1
    await server.apply(log.record("token", "jti-2", "test"))
    # A later head is not put into what was seen alive before it.
    assert issue(server, started)[1]["rsq"] == 1
    refreshed = await server.refresh(started.refresh_token)
    assert refreshed.rsq == 2
    await server.apply(log.record("token", "jti-3", "test"))
    assert (await server.refresh(started.refresh_token)).rsq == 3


async def test_a_refresh_carries_the_roles_of_now(server: Server) -> None:
    account = await server.account(roles=["admin"])
    started = await server.start(account)
    old = issuer_of(server).issue(started).access_token
    await server.services.accounts.set_roles(account.sub, [], actor="test")
    await server.services.guard.catch_up()
    with pytest.raises(InvalidToken):
        server.services.verifier.verify(old)
    _, claims = issue(server, await server.refresh(started.refresh_token))
    assert claims["roles"] == []


async def test_a_role_that_was_taken_during_a_refresh_is_in_no_token_that_is_accepted(server: Server) -> None:
    account = await server.account(roles=["admin"])
    started = await server.start(account)
    refreshed, _ = await asyncio.gather(
        server.refresh(started.refresh_token),
        server.services.accounts.set_roles(account.sub, [], actor="test"),
    )
    token = issuer_of(server).issue(refreshed).access_token
    await server.services.guard.catch_up()
    if "admin" in refreshed.roles:
        with pytest.raises(InvalidToken):
            server.services.verifier.verify(token)
    else:
        assert server.services.verifier.verify(token).roles == ()
