"""`"delivery": "cookie"`: where the refresh token goes, who may ask for it, and what stays as it is without."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import (
    EMAIL,
    ISSUER,
    OTHER_PASSWORD,
    PASSWORD,
    Answer,
    Server,
    run_server,
    sid_of,
)
from tests.server.endpoints.pages import APP, DEVICE, REFRESH, Page, attributes

DAY = 86_400


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with run_server(tmp_path, browser_origins=(APP,)) as it:
        await it.account()
        yield it


@pytest.fixture
async def page(server: Server) -> Page:
    """A page that is signed in by cookie."""
    page = Page(server.client)
    assert (await page.log_in()).status == 200
    return page


def cookie(answer: Answer, name: str = REFRESH) -> str:
    (found,) = (text for text in answer.values("set-cookie") if text.startswith(name + "="))
    return found


@pytest.mark.parametrize("origin", [ISSUER, APP])
async def test_login_puts_the_refresh_token_into_the_cookie_and_nowhere_else(
    server: Server, origin: str
) -> None:
    page = Page(server.client, origin)
    answer = await page.log_in()
    assert answer.status == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope", "user"}
    token = page.jar[REFRESH]
    assert token.startswith("twr_")
    assert token not in answer.body.decode()
    assert attributes(cookie(answer)) == {
        "path": "/",
        "secure": "",
        "httponly": "",
        "samesite": "Strict",
        "max-age": str(30 * DAY),
    }
    assert answer.header("cache-control") == "no-store"
    # It is the refresh token that a body would have held.
    assert (await server.client.refresh(token)).status == 200


async def test_the_cookie_lives_as_long_as_the_session(tmp_path: Path) -> None:
    async with run_server(tmp_path, refresh_idle_seconds=1000, refresh_absolute_seconds=1500) as server:
        await server.account()
        page = Page(server.client)
        ages = [attributes(cookie(await page.log_in()))["max-age"]]
        for _ in range(2):
            server.clock.advance(400)
            ages.append(attributes(cookie(await page.refresh()))["max-age"])
    assert ages == ["1000", "1000", "700"]


async def test_a_refresh_by_cookie_rotates_it(server: Server, page: Page) -> None:
    before = page.jar[REFRESH]
    server.clock.advance(10)
    answer = await page.refresh()
    assert answer.status == 200
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert page.jar[REFRESH] != before
    assert page.jar[REFRESH] not in answer.body.decode()
    assert (await server.client.me(answer.json["access_token"])).status == 200
    assert (await page.refresh()).status == 200


async def test_a_refresh_within_ten_seconds_leaves_the_cookie_as_it_is(server: Server, page: Page) -> None:
    server.clock.advance(9)
    answer = await page.refresh()
    assert answer.status == 200
    # Nor is it sent again: an answer that comes late would put an old one in the place of a new one.
    assert answer.values("set-cookie") == []
    assert (await server.client.me(answer.json["access_token"])).status == 200
    assert server.log_lines("session.refresh_coalesced") != []
    assert server.metrics._events["session.refresh_coalesced"] == 1


async def test_a_retry_by_cookie_gets_the_same_successor(server: Server, page: Page) -> None:
    server.clock.advance(10)
    other = Page(server.client, jar=dict(page.jar))
    await page.refresh()
    assert (await other.refresh()).status == 200
    assert other.jar[REFRESH] == page.jar[REFRESH]


async def test_a_refresh_that_fails_never_clears_the_cookie(server: Server, page: Page) -> None:
    """Another tab's fresh cookie may have come meanwhile, and a late failure must not wipe it."""
    late = Page(server.client, jar=dict(page.jar))
    server.clock.advance(10)
    await page.refresh()
    server.clock.advance(61)
    answer = await late.refresh()
    assert (answer.status, answer.code, answer.values("set-cookie")) == (400, "invalid_grant", [])


async def test_a_refresh_without_a_cookie_is_a_sign_in_to_make(server: Server) -> None:
    answer = await Page(server.client).refresh()
    assert (answer.status, answer.code) == (400, "invalid_grant")


async def test_logout_by_cookie_ends_the_session_and_clears_the_cookie(server: Server, page: Page) -> None:
    access = (await page.refresh()).json["access_token"]
    kept = Page(server.client, jar=dict(page.jar))
    answer = await page.log_out()
    (record,) = await server.records()
    assert (answer.status, answer.json) == (200, {"ended_sessions": 1, "revoked_from": record.n})
    assert attributes(cookie(answer)) | {"max-age": "0"} == attributes(cookie(answer))
    assert page.jar.keys() == {DEVICE}
    assert (await server.client.me(access)).code == "invalid_token"
    assert (await kept.refresh()).code == "invalid_grant"


@pytest.mark.parametrize("held", ["ended", "older", "none", "garbage", "forged"])
async def test_logout_by_cookie_clears_whatever_the_cookie_holds(
    server: Server, page: Page, held: str
) -> None:
    ends = 0
    if held == "ended":
        await Page(server.client, jar=dict(page.jar)).log_out()
    elif held == "older":
        other = Page(server.client, jar=dict(page.jar))
        for _ in range(3):
            server.clock.advance(10)
            await other.refresh()
        ends = 1
    elif held == "none":
        del page.jar[REFRESH]
    else:
        page.jar[REFRESH] = "x" if held == "garbage" else page.jar[REFRESH][:-8] + "AAAAAAAA"
    answer = await page.log_out()
    assert (answer.status, answer.json["ended_sessions"]) == (200, ends)
    assert answer.json["revoked_from"] == (await server.services.storage.position()).n
    assert attributes(cookie(answer))["max-age"] == "0"


async def test_logout_names_its_session_in_one_way(server: Server, page: Page) -> None:
    access = (await page.refresh()).json["access_token"]
    token = page.jar[REFRESH]
    for body in (
        {"delivery": "cookie"},
        {"refresh_token": token},
        {"refresh_token": token, "delivery": "cookie"},
    ):
        answer = await page.send("POST", "/api/v1/auth/logout", json=body, token=access)
        assert (answer.status, answer.code) == (400, "invalid_request")
        assert answer.values("set-cookie") == []
    # Nothing was ended by these; without a word about a session in the body the header counts.
    answer = await page.send("POST", "/api/v1/auth/logout", json={}, token=access)
    assert (answer.status, answer.json["ended_sessions"]) == (200, 1)


async def test_a_change_of_the_password_delivers_the_kept_sessions_token_in_the_same_way(
    server: Server, page: Page
) -> None:
    login = await page.log_in()
    old = Page(server.client, jar=dict(page.jar))
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "delivery": "cookie"}
    answer = await page.send("POST", "/api/v1/users/me/password", json=body, token=login.json["access_token"])
    assert answer.status == 200
    receipt = {"ended_sessions", "revoked_from"}
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"} | receipt
    assert attributes(cookie(answer))["samesite"] == "Strict"
    assert sid_of((await page.refresh()).json) == sid_of(login.json)
    server.clock.advance(11)
    assert (await page.refresh()).status == 200
    assert (await old.refresh()).code == "invalid_grant"


@pytest.mark.parametrize("path", ["auth/login", "auth/refresh", "auth/logout", "users/me/password"])
async def test_no_delivery_but_these_two_is_known(server: Server, path: str) -> None:
    tokens = (await server.client.log_in()).json
    bodies: dict[str, dict[str, Any]] = {
        "auth/login": {"username": EMAIL, "password": PASSWORD},
        "users/me/password": {"current_password": PASSWORD, "new_password": OTHER_PASSWORD},
    }
    body = bodies.get(path, {"refresh_token": tokens["refresh_token"]})
    token = tokens["access_token"] if path.startswith("users") else None
    for delivery in ("Cookie", "", "both", None, True, ["cookie"]):
        answer = await server.client.post(f"/api/v1/{path}", json={**body, "delivery": delivery}, token=token)
        assert (answer.status, answer.code) == (400, "invalid_request"), delivery
    answer = await server.client.post(f"/api/v1/{path}", json={**body, "delivery": "body"}, token=token)
    assert answer.status == 200
    assert answer.values("set-cookie") == []
    assert ("refresh_token" in answer.json) == (path != "auth/logout")


@pytest.mark.parametrize("path", ["refresh", "logout"])
async def test_a_body_that_names_no_token_is_told_what_to_send(server: Server, path: str) -> None:
    answer = await server.client.post(f"/api/v1/auth/{path}", json={})
    assert (answer.status, answer.code) == (400, "invalid_request")
    assert "refresh_token" in answer.json["detail"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b";",
        b"=",
        b"==;;=",
        b"\xff\xfe\x00",
        b"__Host-tokenward-refresh",
        b"__Host-tokenward-refresh;",
        b"__Host-tokenward-refresh=",
        b"__Host-tokenward-refresh=\xff\xc3\x28",
        b'__Host-tokenward-refresh="twr_x"',
        b"__Host-tokenward-refresh=" + b"twr_" + b"A" * 84,
        b"__Host-tokenward-refresh=" + b"x" * 10_000,
        b"a=b; " * 1000,
        b"$Version=1; __Host-tokenward-refresh=x",
    ],
)
async def test_a_malformed_cookie_header_is_refused_and_no_error_of_ours(
    server: Server, header: bytes
) -> None:
    page, headers = Page(server.client), [(b"cookie", header)]
    answer = await page.refresh(headers=headers)
    assert (answer.status, answer.code) == (400, "invalid_grant")
    assert (await page.log_out(headers=headers)).status == 200
    # The one of the device as well, and with that nobody loses the way in.
    device = [(b"cookie", header.replace(b"refresh", b"device"))]
    assert (await page.log_in(headers=device)).status == 200
    assert server.log_lines("error") == []


async def test_several_refresh_cookies_are_refused(server: Server, page: Page) -> None:
    more = [(b"cookie", f"{REFRESH}={page.jar[REFRESH]}".encode())]
    for answer in (await page.refresh(headers=more), await page.log_out(headers=more)):
        assert (answer.status, answer.code) == (400, "invalid_request")
    assert (await page.refresh()).status == 200


async def test_a_cookie_is_found_among_others_and_in_several_headers(server: Server, page: Page) -> None:
    """HTTP/2 lets a browser send one header for each cookie (RFC 9113 section 8.2.3)."""
    found = Page(server.client)
    headers = [(b"cookie", b"a=b"), (b"cookie", f"c=d;\t{REFRESH} = {page.jar[REFRESH]} ; e=f".encode())]
    assert (await found.refresh(headers=headers)).status == 200
    for name in ("x" + REFRESH, REFRESH.lower(), REFRESH + "x", "tokenward-refresh", "\x0b" + REFRESH):
        headers = [(b"cookie", f"{name}={page.jar[REFRESH]}".encode())]
        assert (await found.refresh(headers=headers)).code == "invalid_grant", name


# The device.


async def test_a_device_that_signed_in_is_not_locked_out_by_strangers_around_it(server: Server) -> None:
    page = Page(server.client)
    await page.log_in()
    settings = server.services.settings
    for _ in range(settings.login_burst):
        assert (await server.client.log_in("wrong")).code == "invalid_credentials"
    assert (await server.client.log_in()).code == "rate_limited"
    answer = await page.log_in()
    assert answer.status == 200
    assert attributes(cookie(answer, DEVICE)) == {
        "path": "/",
        "secure": "",
        "httponly": "",
        "samesite": "Strict",
        "max-age": str(180 * DAY),
    }
    # It is no way to guess faster.
    for _ in range(settings.login_burst):
        assert (await page.log_in(password="wrong")).code == "invalid_credentials"
    answer = await page.log_in()
    assert (answer.status, answer.code) == (429, "rate_limited")


async def test_a_device_is_known_for_the_login_that_it_signed_in_with(server: Server) -> None:
    await server.account("ben@example.com")
    page = Page(server.client)
    await page.log_in("ben@example.com")
    for _ in range(server.services.settings.login_burst):
        await server.client.log_in("wrong")
    assert (await page.log_in()).code == "rate_limited"
    assert (await page.log_in(EMAIL.upper())).code == "rate_limited"
    assert (await page.log_in("BEN@example.com")).status == 200


async def test_a_failed_login_and_one_without_cookies_mark_no_device(server: Server) -> None:
    page = Page(server.client)
    await page.log_in(password="wrong")
    assert page.jar == {}
    assert (await server.client.log_in()).values("set-cookie") == []


async def test_a_mark_that_is_none_is_ignored_without_a_word(server: Server) -> None:
    page = Page(server.client)
    await page.log_in()
    mark = page.jar[DEVICE]
    for wrong in (mark[:-1] + ("A" if mark[-1] != "A" else "B"), "", "x", mark + "A", mark[:-4]):
        page.jar[DEVICE] = wrong
        assert (await page.log_in()).status == 200
    for _ in range(server.services.settings.login_burst):
        await server.client.log_in("wrong")
    page.jar[DEVICE] = "A" * 76
    known = await page.log_in()
    unknown = await page.log_in("nobody@example.com")
    assert (known.status, known.code) == (429, "rate_limited")
    assert (unknown.status, unknown.code) == (401, "invalid_credentials")


async def test_logging_out_keeps_the_mark_and_signing_in_renews_it(server: Server, page: Page) -> None:
    mark = page.jar[DEVICE]
    await page.log_out()
    assert page.jar[DEVICE] == mark
    server.clock.advance(100 * DAY)
    await page.log_in()
    key = server.services.login._device_key
    assert page.jar[DEVICE] != mark
    assert key.find_device(page.jar[DEVICE], EMAIL) == key.find_device(mark, EMAIL)
    server.clock.advance(100 * DAY)
    assert key.find_device(mark, EMAIL) is None
    assert key.find_device(page.jar[DEVICE], EMAIL) is not None
