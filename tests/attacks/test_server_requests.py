"""H at the door of the server: what a request may not do, and what no answer and no log line may do."""

import traceback
from pathlib import Path

import pytest
from tests.server.building import (
    EMAIL,
    PASSWORD,
    Answer,
    Server,
    run_server,
    signed_in,
)

from tokenward.errors import Error
from tokenward.jose import jwt
from tokenward.jose.jwt import unverified_claims
from tokenward.server.endpoints.error_responses import problem

ME = "/api/v1/users/me"


def bearer(token: str) -> tuple[bytes, bytes]:
    return (b"authorization", b"Bearer " + token.encode())


async def test_h01_two_tokens_in_one_request_are_refused_even_if_both_are_good(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        good = (await signed_in(server))["access_token"]
        for method, path in (("GET", ME), ("POST", "/api/v1/auth/logout"), ("PATCH", ME)):
            for second in (bearer(good), bearer("a.b.c"), (b"authorization", b"Basic YTpi")):
                for headers in ([bearer(good), second], [second, bearer(good)]):
                    answer = await server.client.request(method, path, headers=headers)
                    assert (answer.status, answer.code) == (400, "invalid_request")
        assert (await server.client.me(good)).status == 200


async def test_h01_a_token_in_query_body_or_cookie_is_never_taken(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        good = (await signed_in(server))["access_token"]
        answer = await server.client.get(ME, query=b"access_token=" + good.encode())
        assert (answer.status, answer.code) == (400, "invalid_request")
        answer = await server.client.get(ME, query=b"access_token=" + good.encode(), token=good)
        assert (answer.status, answer.code) == (400, "invalid_request")
        for headers in (
            [(b"cookie", b"access_token=" + good.encode())],
            [(b"cookie", b"__Host-tokenward=" + good.encode())],
            [(b"cookie", b"__Host-tokenward-refresh=" + good.encode())],
            [(b"x-access-token", good.encode())],
            [(b"proxy-authorization", b"Bearer " + good.encode())],
        ):
            answer = await server.client.get(ME, headers=headers)
            assert (answer.status, answer.code) == (401, "missing_token")
        answer = await server.client.request("GET", ME, form={"access_token": good})
        assert (answer.status, answer.code) == (401, "missing_token")


async def test_h04_no_other_method_gets_round_the_guard(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        assert (await server.client.request("HEAD", ME)).code == "missing_token"
        for headers in ([(b"x-http-method-override", b"GET")], [(b"x-http-method", b"PATCH")]):
            assert (await server.client.post(ME, headers=headers)).code == "method_not_allowed"


HOSTILE = 'x"\r\nSet-Cookie: a=b\r\n\r\n<script>\\" \x1b[31m\u2028é'


async def test_h05_no_text_of_a_token_is_in_a_challenge_an_answer_or_the_log(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        claims = unverified_claims((await signed_in(server))["access_token"])
        key = server.services.ring.signing_key("ES256")
        hostile = [
            jwt.sign(claims | {name: HOSTILE}, key, typ="at+jwt") for name in ("iss", "aud", "scope", "exp")
        ]
        hostile += [
            jwt.sign(claims | {HOSTILE: 1, "exp": 1}, key, typ="at+jwt"),
            jwt.sign(claims, key, typ=HOSTILE),
        ]
        for token in hostile:
            answer = await server.client.me(token)
            assert (answer.status, answer.code) == (401, "invalid_token")
            challenge = answer.header("www-authenticate") or ""
            assert challenge.isascii()
            assert challenge.isprintable()
            assert challenge.count('"') % 2 == 0
            for text in (challenge, answer.body.decode(), server.log_text):
                for piece in ("Set-Cookie", "<script", "\x1b", "\\u001b", "\u2028"):
                    assert piece not in text


async def test_h05_no_text_of_a_request_breaks_a_log_line(tmp_path: Path) -> None:
    async with run_server(tmp_path, access_log=True) as server:
        for path in ("/a\r\nb", '/"},{"event":"forged"}', "/\x1b[31m"):
            await server.client.get(path, headers=[(b"user-agent", b'"\r\n{"event":"forged"}')])
        await server.client.log_in(PASSWORD, 'x"\r\n{"event":"forged"}')
        assert server.log_lines("forged") == []
        assert "forged" not in server.log_text
        assert "\x1b" not in server.log_text


@pytest.mark.parametrize(
    "headers", [[], [(b"authorization", b"Basic YTpi")], [(b"authorization", b"DPoP x")]]
)
async def test_h06_a_missing_token_gets_the_bare_challenge(
    tmp_path: Path, headers: list[tuple[bytes, bytes]]
) -> None:
    async with run_server(tmp_path) as server:
        for method, path in (("GET", ME), ("POST", "/api/v1/auth/logout-everywhere")):
            answer = await server.client.request(method, path, headers=headers)
            assert (answer.status, answer.code) == (401, "missing_token")
            # RFC 6750 section 3.1: no error code for who did not know that a token was needed.
            assert answer.header("www-authenticate") == 'Bearer realm="tokenward"'


async def whole_life(server: Server) -> list[Answer]:
    """Answers of every endpoint, good and bad."""
    client = server.client
    registered = await client.post("/api/v1/auth/register", json={"email": EMAIL, "password": PASSWORD})
    signed = await client.log_in(headers=[(b"cookie", b"sid=planted")])
    token = signed.json["access_token"]
    answers = [registered, signed, await client.log_in("wrong"), await client.me(token), await client.me("x")]
    answers += [await client.request("PATCH", ME, json={"name": "A"}, token=token)]
    answers += [await client.refresh(signed.json["refresh_token"]), await client.refresh("x")]
    for path in ("/.well-known/jwks.json", "/.well-known/openid-configuration", "/healthz", "/readyz", "/x"):
        answers.append(await client.get(path))
    answers.append(await client.get("/metrics", address="127.0.0.1"))
    answers.append(await client.post("/api/v1/auth/logout", token=token))
    return answers


async def test_h09_no_cookie_is_set_unless_it_was_asked_for(tmp_path: Path) -> None:
    """What is set when it was asked for: `test_browsers.py`."""
    async with run_server(tmp_path) as server:
        for answer in await whole_life(server):
            assert answer.header("set-cookie") is None
            # So a page of another origin has nothing to ride on, and is not let in either.
            assert answer.header("access-control-allow-credentials") is None


async def test_h09_what_holds_a_token_is_stored_by_no_cache(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        for answer in await whole_life(server):
            if b"access_token" in answer.body or answer.status == 401:
                assert answer.header("cache-control") == "no-store"


async def test_h10_no_token_is_in_a_log_an_error_answer_or_an_exception(tmp_path: Path) -> None:
    async with run_server(tmp_path, access_log=True, slow_request_ms=1) as server:
        tokens = await signed_in(server)
        access, refresh = tokens["access_token"], tokens["refresh_token"]
        client = server.client
        await client.refresh(refresh)
        answers = [
            await client.get(ME, query=f"access_token={access}&refresh_token={refresh}".encode()),
            await client.get("/" + access),
            await client.me(access + "x"),
            await client.me(access[:-3]),
            await client.refresh(refresh + "x"),
            await client.refresh(refresh[:-4] + "AAAA"),
            await client.post("/api/v1/auth/refresh", json={"refresh_token": [refresh]}),
            await client.post("/api/v1/auth/refresh", json={"refresh_token": refresh, "more": access}),
            await client.post("/api/v1/auth/refresh", body=refresh.encode()),
            await client.get(ME, headers=[bearer(access), bearer(access)]),
        ]
        errors: list[Error] = []
        for token in (access[:-3] + "xxx", access + "."):
            with pytest.raises(Error) as caught:
                server.services.verifier.verify(token)
            errors.append(caught.value)
        with pytest.raises(Error) as caught:
            await server.refresh(refresh[:-4] + "AAAA")
        errors.append(caught.value)
        shown = [server.log_text, *(answer.body.decode() for answer in answers)]
        shown += [repr(answer.headers) for answer in answers]
        shown += [repr(error) + str(error) for error in errors]
        shown += ["".join(traceback.format_exception(error)) for error in errors]
        shown += [problem(error, "id").body.decode() for error in errors]
        pieces = (access.split(".")[1][:30], access.rpartition(".")[2][:30], refresh[4:40], refresh[-30:-4])
        for text in shown:
            assert not [piece for piece in pieces if piece in text]
        assert all(answer.status >= 400 for answer in answers)


async def test_h11_a_megabyte_and_bytes_that_are_no_text_are_refused_and_cost_nothing(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        good = (await signed_in(server))["access_token"].encode()
        for value in (
            b"Bearer " + b"x" * 1_000_000,
            b"Bearer " + b"." * 1_000_000,
            b"Bearer " + good + b" " * 100_000,
            b"Bearer \xff\xfe\xfd",
            b"Bearer " + good + b"\xe4",
            b"Bearer " + good + b"\x00",
            b"Bearer \xc3\xa4.\xc3\xb6.\xc3\xbc",
        ):
            answer = await server.client.get(ME, headers=[(b"authorization", value)])
            assert (answer.status, answer.code) == (401, "invalid_token")
        assert server.log_lines("error") == []
        assert (await server.client.me(good.decode())).status == 200
