"""F and G at the door of the server: tokens that its own key signed, and that are no access tokens for it.

What the verifier says to each is shown in `test_token_claims` and `test_token_kinds`; here, that the server asks it.
"""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.server.building import Answer, Server, run_server, signed_in

from tokenward.jose import jwt
from tokenward.jose.jws import sign_compact
from tokenward.jose.jwt import unverified_claims
from tokenward.server.settings import load_settings


async def refused(server: Server, token: str) -> None:
    """Refused by every endpoint that takes a token, always with the same answer, and by the log with a reason."""
    for method, path in (
        ("GET", "/api/v1/users/me"),
        ("PATCH", "/api/v1/users/me"),
        ("DELETE", "/api/v1/users/me"),
        ("GET", "/api/v1/users/me/export"),
        ("POST", "/api/v1/users/me/password"),
        ("GET", "/api/v1/users/me/sessions"),
        ("DELETE", "/api/v1/users/me/sessions"),
        ("DELETE", "/api/v1/users/me/sessions/AAAAAAAAAAAAAAAAAAAAAA"),
        ("POST", "/api/v1/auth/logout"),
        ("POST", "/api/v1/auth/logout-everywhere"),
    ):
        answer: Answer = await server.client.request(method, path, token=token)
        assert (answer.status, answer.code) == (401, "invalid_token")
        assert answer.header("www-authenticate") == (
            'Bearer realm="tokenward", error="invalid_token", '
            'error_description="The access token is not valid. Sign in again, or refresh the token."'
        )


def signed(server: Server, claims: dict[str, Any], typ: str = "at+jwt") -> str:
    return jwt.sign(claims, server.services.ring.signing_key("ES256"), typ=typ)


def signed_text(server: Server, text: bytes, header: dict[str, Any] | None = None) -> str:
    header = {"typ": "at+jwt"} if header is None else header
    return sign_compact(header, text, server.services.ring.signing_key("ES256"))


async def claims_of(server: Server) -> dict[str, Any]:
    """The claims of a good token, and proof that the way they are signed here is good too."""
    claims = unverified_claims((await signed_in(server))["access_token"])
    assert (await server.client.me(signed(server, claims))).status == 200
    return claims


async def test_f01_to_f05_a_token_that_does_not_expire_rightly_opens_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        claims = await claims_of(server)
        without = {name: value for name, value in claims.items() if name != "exp"}
        await refused(server, signed(server, without))
        now = int(server.clock.now())
        wrong: list[object] = ["9999999999", [], {}, True, None, now, now - 1]
        for exp in wrong:
            await refused(server, signed(server, claims | {"exp": exp}))
        text = msgspec.json.encode(without)
        for literal in (b"NaN", b"Infinity", b"1e999", b"-1"):
            await refused(server, signed_text(server, text[:-1] + b',"exp":' + literal + b"}"))
        # The boundary: good for the last second, gone at the first one after.
        token = signed(server, claims | {"exp": int(server.clock.now()) + 10})
        server.clock.advance(9.999)
        assert (await server.client.me(token)).status == 200
        server.clock.advance(0.001)
        await refused(server, token)


async def test_f11_to_f13_a_token_for_another_audience_opens_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        claims = await claims_of(server)
        audience = claims["aud"]
        await refused(
            server, signed(server, {name: value for name, value in claims.items() if name != "aud"})
        )
        for aud in (
            audience[:-1],
            audience + "/",
            audience.upper(),
            audience + " ",
            audience + "\x00",
            "https://auth.example.com",
            "",
            [],
            [""],
            [audience, 1],
            [[audience]],
            {audience: 1},
            None,
        ):
            await refused(server, signed(server, claims | {"aud": aud}))


async def test_f14_a_server_always_has_an_audience_that_its_tokens_are_for(tmp_path: Path) -> None:
    settings = load_settings(environment={"TOKENWARD_ISSUER": "https://auth.example.com"})
    assert settings.audience == "https://auth.example.com"
    async with run_server(tmp_path, audience="https://one.example.com") as server:
        clock, tokens = server.clock, await signed_in(server)
    async with run_server(tmp_path, clock=clock, audience="https://other.example.com") as server:
        await refused(server, tokens["access_token"])


async def test_f18_a_token_of_another_issuer_opens_nothing_although_its_key_is_ours(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        claims = await claims_of(server)
        for iss in ("https://auth.example.com/", "https://evil.example", ["https://auth.example.com"], None):
            await refused(server, signed(server, claims | {"iss": iss}))


async def test_g01_g03_a_token_of_another_kind_opens_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        claims = await claims_of(server)
        id_token = claims | {"nonce": "n", "at_hash": "x"}
        for typ in (
            "JWT",
            "logout+jwt",
            "secevent+jwt",
            "token-introspection+jwt",
            "dpop+jwt",
            "revocation-batch+jwt",
        ):
            await refused(server, signed(server, id_token, typ))


async def test_g02_a_refresh_token_is_no_access_token(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        tokens = await signed_in(server)
        await refused(server, tokens["refresh_token"])
        claims = unverified_claims(tokens["access_token"])
        await refused(server, signed(server, claims | {"type": "refresh"}, "rt+jwt"))
        # Nor the other way round.
        answer = await server.client.refresh(tokens["access_token"])
        assert (answer.status, answer.code) == (400, "invalid_grant")


async def test_g04_a_token_without_typ_opens_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        text = msgspec.json.encode(await claims_of(server))
        await refused(server, signed_text(server, text, {}))


@pytest.mark.parametrize("typ", ["at+jwt;x=1", ["at+jwt"], 1, None, "", "at+jwtx", "text/at+jwt", "at jwt"])
async def test_g05_what_only_resembles_the_kind_opens_nothing(tmp_path: Path, typ: Any) -> None:
    async with run_server(tmp_path) as server:
        text = msgspec.json.encode(await claims_of(server))
        await refused(server, signed_text(server, text, {"typ": typ}))


async def test_g05_every_spelling_of_the_kind_is_good(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        claims = await claims_of(server)
        for typ in ("AT+JWT", "application/at+jwt", "Application/AT+jwt"):
            assert (await server.client.me(signed(server, claims, typ))).status == 200
