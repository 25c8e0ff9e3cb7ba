"""H01, H02, H04, H05, H06, H07, I25 at the routes of an application that Tokenward is mounted in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.server.building import EMAIL
from tests.server.mounting.applications import Application, run_application, websocket

from tokenward.errors import InvalidToken
from tokenward.server.services import open_services

GUARDED = ["/guarded", "/optional", "/admin", "/far", "/plain"]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "DELETE"]


@pytest.fixture
async def application(tmp_path: Path) -> AsyncIterator[Application]:
    async with run_application(tmp_path) as started:
        yield started


@pytest.fixture
async def token(application: Application) -> str:
    """An access token that every route but `/far` lets through."""
    tokens = await application.tokens(roles=["admin"])
    return str(tokens["access_token"])


async def test_the_token_is_good_where_nothing_is_wrong(application: Application, token: str) -> None:
    answers = {path: (await application.get(path, token)).status_code for path in GUARDED}
    assert answers == dict.fromkeys(GUARDED, 200) | {"/far": 403}
    assert (await application.get("/optional")).json() == {"sub": None, "claims": None}
    opened = await websocket(application.app, "/socket", (b"authorization", b"Bearer " + token.encode()))
    assert [message["type"] for message in opened] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]


@pytest.mark.parametrize("path", GUARDED)
async def test_h01_two_authorization_headers_are_refused(
    application: Application, token: str, path: str
) -> None:
    good = ("authorization", f"Bearer {token}")
    for headers in (
        [good, good],
        [good, ("authorization", "Bearer x")],
        [("Authorization", "Basic eDp5"), good],
    ):
        answer = await application.http.get(path, headers=headers)
        assert answer.status_code == 400, headers


async def test_h01_a_second_header_in_other_letters_is_seen(application: Application, token: str) -> None:
    # No server should send such a name on; one that does must not let it pass for nothing.
    value = b"Bearer " + token.encode()
    sent = await websocket(
        application.app, "/socket", (b"authorization", value), (b"Authorization", b"Bearer x")
    )
    assert [message["type"] for message in sent] == ["websocket.close"]


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize("name", ["access_token", "ACCESS_TOKEN", "access%5Ftoken", "x=1&access_token"])
async def test_h01_a_token_in_the_query_is_refused_and_never_used(
    application: Application, token: str, path: str, name: str
) -> None:
    alone = await application.get(f"{path}?{name}={token}")
    beside = await application.get(f"{path}?{name}={token}", token)
    assert (alone.status_code, beside.status_code) == (400, 400)


@pytest.mark.parametrize("path", GUARDED)
async def test_h01_a_token_in_a_cookie_or_in_the_body_is_not_looked_at(
    application: Application, token: str, path: str
) -> None:
    answer = await application.http.post(
        path, headers={"cookie": f"access_token={token}; authorization={token}"}, data={"access_token": token}
    )
    assert answer.status_code == (200 if path == "/optional" else 401)
    if path == "/optional":
        assert answer.json()["sub"] is None


@pytest.mark.parametrize(
    "value",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "bearer a.b.c",
        "Bearer a b",
        "Basic eDp5",
        "Token x",
        "",
        "x",
        "Bearer\tx",
    ],
)
@pytest.mark.parametrize("path", GUARDED)
async def test_h02_a_malformed_token_is_never_nobody(application: Application, path: str, value: str) -> None:
    answer = await application.http.get(path, headers={"authorization": value})
    assert answer.status_code == 401


async def test_h02_an_expired_or_revoked_token_is_never_nobody(application: Application, token: str) -> None:
    account = await application.auth.find_account(sub=(await application.auth.verify(token)).sub)
    assert account is not None
    assert account.email == EMAIL
    await application.auth.sign_out_everywhere(account.sub)
    assert (await application.get("/optional", token)).status_code == 401
    fresh = (await application.log_in()).json()["access_token"]
    assert (await application.get("/optional", fresh)).status_code == 200
    application.clock.advance(901)
    assert (await application.get("/optional", fresh)).status_code == 401


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", GUARDED)
async def test_h04_every_method_has_the_same_guard(application: Application, path: str, method: str) -> None:
    headers = {"authorization": "Bearer x", "x-http-method-override": "OPTIONS", "x-method-override": "HEAD"}
    assert (await application.http.request(method, path, headers=headers)).status_code == 401
    if path != "/optional":
        assert (await application.http.request(method, path)).status_code == 401


async def test_h04_a_websocket_has_the_same_guard(application: Application, token: str) -> None:
    bad: list[tuple[tuple[bytes, bytes], ...]] = [
        (),
        ((b"authorization", b"Bearer x"),),
        ((b"sec-websocket-protocol", b"bearer, " + token.encode()),),
        ((b"authorization", b"Bearer " + token.encode()),) * 2,
    ]
    for headers in bad:
        (sent,) = await websocket(application.app, "/socket", *headers)
        assert (sent["type"], sent["code"]) == ("websocket.close", 1008)


async def test_h05_no_refusal_says_what_the_token_said(application: Application, token: str) -> None:
    segment = token.split(".")[1]
    for value in (f"Bearer {token}x", f"Bearer {token[:-4]}AAAA", f'Bearer "{segment}"'):
        answer = await application.http.get("/guarded", headers={"authorization": value})
        assert answer.status_code == 401
        assert segment not in answer.text + str(answer.headers)
        # Why, is for the log: whoever tries tokens out is told the same of each.
        assert answer.json() == {"detail": InvalidToken.description}


@pytest.mark.parametrize("path", ["/guarded", "/admin", "/far", "/plain"])
async def test_h06_whoever_sends_no_token_is_told_the_scheme_and_nothing_else(
    application: Application, path: str
) -> None:
    answer = await application.get(path)
    assert (answer.status_code, answer.headers.get_list("www-authenticate")) == (401, ["Bearer"])


@pytest.mark.parametrize("path", GUARDED)
async def test_h06_whoever_sends_a_bad_one_is_told_so(application: Application, path: str) -> None:
    answer = await application.get(path, "x")
    (told,) = answer.headers.get_list("www-authenticate")
    assert told.startswith('Bearer error="invalid_token", error_description="')


async def test_h07_a_scope_that_does_not_suffice_is_told_with_the_one_that_would(
    application: Application, token: str
) -> None:
    answer = await application.get("/far", token)
    (told,) = answer.headers.get_list("www-authenticate")
    assert answer.status_code == 403
    assert told.startswith('Bearer scope="account far", error="insufficient_scope"')


async def test_h07_a_role_that_is_missing_or_was_taken_away_is_refused(application: Application) -> None:
    tokens = await application.tokens(roles=["administrator"])
    refused = await application.get("/admin", tokens["access_token"])
    assert refused.status_code == 403
    assert "www-authenticate" not in refused.headers
    admin = await application.account("root@example.com", roles=["admin"])
    token = (await application.log_in("root@example.com")).json()["access_token"]
    assert (await application.get("/admin", token)).status_code == 200
    await application.services.accounts.set_roles(admin.sub, [], actor="")
    assert (await application.get("/admin", token)).status_code == 401


@pytest.mark.parametrize("path", ["/guarded", "/optional", "/admin", "/plain"])
async def test_i25_what_was_logged_out_is_refused_by_the_next_request(
    application: Application, token: str, path: str
) -> None:
    assert (await application.get(path, token)).status_code == 200
    headers = {"authorization": f"Bearer {token}"}
    assert (await application.http.post("/auth/api/v1/auth/logout", headers=headers)).status_code == 200
    assert (await application.get(path, token)).status_code == 401


async def test_i25_what_a_command_revokes_beside_it_is_refused_too(
    application: Application, token: str, tmp_path: Path
) -> None:
    assert (await application.get("/guarded", token)).status_code == 200
    principal = await application.auth.verify(token)
    async with open_services(application.services.settings, serving=False, clock=application.clock) as beside:
        await beside.accounts.set_disabled(principal.sub, disabled=True, actor="command-line")
        assert (await application.get("/guarded", token)).status_code == 401


async def test_a_database_that_cannot_be_asked_lets_nobody_in(application: Application, token: str) -> None:
    await application.services.storage.close()
    for path in GUARDED:
        answer = await application.get(path, token)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1"), path
    (sent,) = await websocket(application.app, "/socket", (b"authorization", b"Bearer " + token.encode()))
    assert sent["type"] == "websocket.close"
