from pathlib import Path

import pytest
from tests.flows.client import Answer, Client, Tokens
from tests.flows.servers import ISSUER, PASSWORD, Server, installation

from tokenward.clock import SystemClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, unverified_header
from tokenward.tokens import AccessToken, TokenVerifier

EMAIL = "Ada@Example.com"


async def get_jwk_set(client: Client) -> JWKSet:
    return JWKSet.parse((await client.request("GET", "/.well-known/jwks.json")).body)


def verifier(keys: JWKSet) -> TokenVerifier[AccessToken]:
    return TokenVerifier(issuer=ISSUER, audience=ISSUER, keys=keys, clock=SystemClock())


def check_refused(answer: Answer) -> None:
    assert (answer.status, answer.code) == (401, "invalid_token")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def sign_up_and_in(client: Client) -> tuple[str, Tokens]:
    registered = await client.register(EMAIL, PASSWORD)
    assert registered.status == 201
    assert list(registered.json()) == ["user"]
    logged_in = await client.log_in(EMAIL.lower(), PASSWORD)
    user = logged_in.json()["user"]
    assert user == registered.json()["user"]
    return user["id"], Tokens.of(logged_in)


async def use_and_leave(server: Server, algorithm: str) -> tuple[Tokens, Tokens]:
    """Go the whole way of a user; the tokens of a session that was ended and of one that lives."""
    async with await Client.connect(server.port) as client:
        sub, first = await sign_up_and_in(client)
        me = await client.me(first.access)
        assert (me.status, me.json()["id"], me.json()["email"]) == (200, sub, EMAIL)
        second = Tokens.of(await client.refresh(first.refresh))
        assert second.refresh != first.refresh
        assert (await client.me(second.access)).status == 200
        for tokens in (first, second):
            assert unverified_header(tokens.access)["alg"] == algorithm

        other = Tokens.of(await client.log_in(EMAIL, PASSWORD))
        left = await client.log_out(second.access)
        assert (left.status, left.json()["ended_sessions"]) == (200, 1)
        for tokens in (first, second):
            check_refused(await client.me(tokens.access))
            assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
        assert (await client.me(other.access)).status == 200
        return second, other


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "HS256"])
async def test_a_user_registers_logs_in_refreshes_and_is_refused_at_once_after_logout(
    tmp_path: Path, algorithm: str
) -> None:
    with installation(tmp_path, {"ACCESS_TOKEN_ALGORITHM": algorithm}) as here:
        server = here.start()
        ended, living = await use_and_leave(server, algorithm)
        assert server.stop() == 0

        server = here.start()
        async with await Client.connect(server.port) as client:
            check_refused(await client.me(ended.access))
            assert (await client.refresh(ended.refresh)).code == "invalid_grant"
            assert (await client.me(living.access)).status == 200
            Tokens.of(await client.refresh(living.refresh))


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "Ed25519"])
async def test_another_program_verifies_a_token_with_the_served_jwk_set(
    tmp_path: Path, algorithm: str
) -> None:
    with installation(tmp_path, {"ACCESS_TOKEN_ALGORITHM": algorithm}) as here:
        async with await Client.connect(here.start().port) as client:
            sub, tokens = await sign_up_and_in(client)
            token = verifier(await get_jwk_set(client)).verify(tokens.access)
            assert (token.sub, token.client_id, token.scope) == (sub, "first-party", frozenset({"account"}))


async def test_the_key_of_hs256_is_never_published_so_nobody_else_verifies_its_tokens(tmp_path: Path) -> None:
    with installation(tmp_path, {"ACCESS_TOKEN_ALGORITHM": "HS256"}) as here:
        async with await Client.connect(here.start().port) as client:
            _, tokens = await sign_up_and_in(client)
            served = await client.request("GET", "/.well-known/jwks.json")
            assert {key["kty"] for key in served.json()["keys"]} == {"EC"}
            with pytest.raises(InvalidToken):
                verifier(JWKSet.parse(served.body)).verify(tokens.access)


async def test_logout_everywhere_ends_every_session_of_the_account_and_of_no_other(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        async with await Client.connect(here.start().port) as client:
            _, first = await sign_up_and_in(client)
            second = Tokens.of(await client.log_in(EMAIL, PASSWORD))
            assert (await client.register("bob@example.com", PASSWORD)).status == 201
            bob = Tokens.of(await client.log_in("bob@example.com", PASSWORD))
            left = await client.request("POST", "/api/v1/auth/logout-everywhere", token=first.access)
            assert (left.status, left.json()["ended_sessions"]) == (200, 2)
            for tokens in (first, second):
                check_refused(await client.me(tokens.access))
                assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
            assert (await client.me(bob.access)).status == 200
            third = Tokens.of(await client.log_in(EMAIL, PASSWORD))
            assert (await client.me(third.access)).status == 200


async def test_a_client_whose_access_token_is_lost_logs_out_with_its_refresh_token(tmp_path: Path) -> None:
    with installation(tmp_path) as here:
        async with await Client.connect(here.start().port) as client:
            _, tokens = await sign_up_and_in(client)
            left = await client.request("POST", "/api/v1/auth/logout", body={"refresh_token": tokens.refresh})
            assert left.status == 200
            check_refused(await client.me(tokens.access))
            assert (await client.refresh(tokens.refresh)).code == "invalid_grant"
