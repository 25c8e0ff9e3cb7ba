"""H where a browser is in between: what a foreign page can make it send, and what a cookie may not do.

H03 asks for a token against request forgery. Here that is the pair of `Origin`, which no page can choose, and the
header `X-Tokenward`, which a page may send elsewhere only after the server allowed its origin.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
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
    dump,
    run_server,
)
from tests.server.endpoints.pages import APP, DEVICE, REFRESH, Page, attributes

EVIL = "https://evil.example"
ME = "/api/v1/users/me"
Headers = Sequence[tuple[bytes, bytes]]

JSON = (b"content-type", b"application/json")
FORM = (b"content-type", b"application/x-www-form-urlencoded")
OURS = (b"origin", ISSUER.encode())
CUSTOM = (b"x-tokenward", b"1")

# Every request that by cookie changes anything.
REQUESTS: list[tuple[str, dict[str, Any]]] = [
    ("auth/login", {"username": EMAIL, "password": PASSWORD}),
    ("auth/refresh", {}),
    ("auth/logout", {}),
    ("users/me/password", {"current_password": PASSWORD, "new_password": OTHER_PASSWORD}),
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with run_server(tmp_path, browser_origins=(APP,)) as it:
        await it.account()
        yield it


@pytest.fixture
async def victim(server: Server) -> Page:
    """Somebody's browser, signed in by cookie some time ago."""
    page = Page(server.client)
    assert (await page.log_in()).status == 200
    server.clock.advance(600)
    return page


def forged_headers() -> Iterator[tuple[str, Headers]]:
    """What tells a request of our page from any other, one thing missing or wrong at a time."""
    yield "no header at all", []
    yield "no Origin", [CUSTOM]
    yield "no custom header", [OURS]
    for origin in (
        b"https://evil.example",
        b"null",
        b"",
        b"http://auth.example.com",
        b"https://auth.example.com:444",
        b"https://auth.example.com.evil.example",
        b"https://sub.auth.example.com",
        b"https://AUTH.example.com",
        b"https://auth.example.com/",
        b" https://auth.example.com",
        b"https://auth.example.com https://evil.example",
        b"\xff\xfe",
        "https://auth.exämple.com".encode(),
    ):
        yield f"Origin {origin!r}", [(b"origin", origin), CUSTOM]
    yield "two origins", [OURS, (b"origin", EVIL.encode()), CUSTOM]
    yield "one origin twice", [OURS, OURS, CUSTOM]
    yield "Referer in the place of Origin", [(b"referer", ISSUER.encode() + b"/"), CUSTOM]
    for value in (b"", b"0", b"2", b"true", b"01", b"1.0", b"1, 1", b" 1", b"\xff", "１".encode()):
        yield f"X-Tokenward {value!r}", [OURS, (b"x-tokenward", value)]
    yield "the custom header twice", [OURS, CUSTOM, CUSTOM]


@pytest.mark.parametrize(("path", "body"), REQUESTS, ids=[path for path, _ in REQUESTS])
async def test_h03_a_request_by_cookie_without_its_marks_is_403_and_does_nothing(
    server: Server, victim: Page, path: str, body: dict[str, Any]
) -> None:
    cookies = (b"cookie", "; ".join(f"{name}={value}" for name, value in victim.jar.items()).encode())
    access = (await server.client.log_in()).json["access_token"]
    before = dump(server.path)
    for what, headers in forged_headers():
        answer = await server.client.post(
            f"/api/v1/{path}",
            json=body | {"delivery": "cookie"},
            headers=[cookies, *headers],
            token=access if path.startswith("users") else None,
        )
        assert answer.status == 403, what
        assert answer.code in ("origin_refused", "browser_check_failed"), what
        assert answer.values("set-cookie") == [], what
        assert dump(server.path) == before, what
    assert server.log_lines("error") == []
    assert (await victim.refresh()).status == 200


async def test_h03_the_marks_are_asked_for_before_a_password_is_verified_or_a_cookie_read(
    server: Server, victim: Page
) -> None:
    page = Page(server.client, EVIL, jar=dict(victim.jar))
    for _ in range(server.services.settings.login_burst * 2):
        assert (await page.log_in(password="wrong")).code == "origin_refused"
    page.jar = {REFRESH: "\xff"}
    assert (await page.refresh()).code == "origin_refused"
    assert (await server.client.log_in()).status == 200
    assert await server.events("login.failed") == []


# A page can make a browser send these without asking: a form in each encoding, and text that looks like JSON.
SENT_UNASKED: list[tuple[str, bytes]] = [
    ("application/x-www-form-urlencoded", b"username={u}&password={p}&delivery=cookie"),
    ("application/x-www-form-urlencoded", b"delivery=cookie&username={u}&password={p}"),
    ("application/x-www-form-urlencoded", b"username={u}&password={p}"),
    ("text/plain", b'{"username":"{u}","password":"{p}","delivery":"cookie"}'),
    (
        "multipart/form-data; boundary=x",
        b'--x\r\ncontent-disposition: form-data; name="delivery"\r\n\r\ncookie',
    ),
    ("text/plain; application/json", b'{"username":"{u}","password":"{p}","delivery":"cookie"}'),
]


@pytest.mark.parametrize("origin", [EVIL, "null", ISSUER, APP, ""])
@pytest.mark.parametrize(("kind", "text"), SENT_UNASKED)
async def test_login_csrf_no_form_signs_a_browser_in(
    server: Server, kind: str, text: bytes, origin: str
) -> None:
    """Who signs a victim in as himself reads what the victim then enters; so a form sets no cookie, whosever it is."""
    body = text.replace(b"{u}", EMAIL.encode()).replace(b"{p}", PASSWORD.encode())
    headers = [(b"content-type", kind.encode())] + ([(b"origin", origin.encode())] if origin else [])
    for more in ([], [CUSTOM]):
        answer = await server.client.post("/api/v1/auth/login", body=body, headers=[*headers, *more])
        assert answer.values("set-cookie") == []
        if b"delivery" in body or origin in (EVIL, "null"):
            assert answer.status in (400, 403, 415)


async def test_login_csrf_a_foreign_page_gets_no_leave_to_send_json(server: Server) -> None:
    asked = [
        (b"origin", EVIL.encode()),
        (b"access-control-request-method", b"POST"),
        (b"access-control-request-headers", b"content-type, x-tokenward"),
    ]
    answer = await server.client.request("OPTIONS", "/api/v1/auth/login", headers=asked)
    assert answer.status == 403
    assert not [name for name, _ in answer.headers if name.startswith(b"access-control")]


async def test_h03_forms_refresh_and_end_nothing_by_cookie(server: Server, victim: Page) -> None:
    before = dump(server.path)
    for path in ("refresh", "logout"):
        for form in ({"delivery": "cookie"}, {"refresh_token": "", "delivery": "cookie"}, {}):
            answer = await victim.send("POST", f"/api/v1/auth/{path}", form=form)
            assert 400 <= answer.status < 500
            assert answer.values("set-cookie") == []
    assert dump(server.path) == before


async def test_h01_each_request_has_one_source_of_its_token(server: Server, victim: Page) -> None:
    access, token = (await server.client.log_in()).json["access_token"], victim.jar[REFRESH]
    both = {"refresh_token": token, "delivery": "cookie"}
    for path in ("refresh", "logout"):
        answer = await victim.send("POST", f"/api/v1/auth/{path}", json=both)
        assert (answer.status, answer.code) == (400, "invalid_request")
    answer = await victim.send("POST", "/api/v1/auth/logout", json={"delivery": "cookie"}, token=access)
    assert (answer.status, answer.code) == (400, "invalid_request")
    twice = [(b"cookie", f"{REFRESH}={token}".encode())]
    assert (await victim.refresh(headers=twice)).code == "invalid_request"
    assert (await victim.refresh(query=b"refresh_token=" + token.encode())).code == "invalid_request"
    # None of these ended anything.
    assert (await victim.refresh()).status == 200
    assert (await server.client.me(access)).status == 200


async def test_h01_a_cookie_that_was_not_asked_for_is_never_read(server: Server, victim: Page) -> None:
    """The cookie comes along with every request of the browser; only the request itself says whether it counts."""
    for body in ({}, {"delivery": "body"}):
        for path in ("refresh", "logout"):
            answer = await victim.send("POST", f"/api/v1/auth/{path}", json=body)
            assert (answer.status, answer.code) == (400, "invalid_request")
    assert (await victim.send("POST", "/api/v1/auth/logout")).code == "missing_token"
    for method, path in (("GET", ME), ("DELETE", ME), ("POST", "/api/v1/auth/logout-everywhere")):
        assert (await victim.send(method, path)).code == "missing_token"
    other = (await server.client.log_in()).json
    answer = await victim.send("POST", "/api/v1/auth/refresh", json={"refresh_token": other["refresh_token"]})
    assert (answer.status, answer.values("set-cookie")) == (200, [])
    answer = await victim.send("POST", "/api/v1/auth/logout", json={}, token=answer.json["access_token"])
    assert answer.json["ended_sessions"] == 1
    assert (await victim.refresh()).status == 200


OVERRIDES: list[Headers] = [
    [(name, value)]
    for name in (b"x-http-method-override", b"x-http-method", b"x-method-override", b"_method")
    for value in (b"GET", b"POST", b"DELETE", b"PATCH", b"OPTIONS")
]


async def test_h04_no_override_makes_one_method_of_another(server: Server) -> None:
    access = (await server.client.log_in()).json["access_token"]
    before = dump(server.path)
    for headers in OVERRIDES:
        # A POST is not the DELETE that its header says, and a GET changes nothing.
        answer = await server.client.post(
            ME, headers=headers, token=access, json={"current_password": PASSWORD}
        )
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        answer = await server.client.get(ME, headers=headers, token=access)
        assert (answer.status, answer.json["email"]) == (200, EMAIL)
        assert (await server.client.get(ME, headers=headers)).code == "missing_token"
    for field in ({"_method": "DELETE"}, {"_method": "PATCH", "name": "x"}):
        assert (await server.client.post(ME, form=field, token=access)).code == "method_not_allowed"
        answer = await server.client.request("PATCH", ME, json=field, token=access)
        assert answer.code == "unknown_member"
    assert (await server.client.get(ME, query=b"_method=DELETE", token=access)).status == 200
    assert dump(server.path) == before


@pytest.mark.parametrize("origins", [(), (APP,)])
async def test_h04_options_and_head_pass_the_same_guard(tmp_path: Path, origins: tuple[str, ...]) -> None:
    async with run_server(tmp_path, browser_origins=origins) as server:
        await server.account()
        access = (await server.client.log_in()).json["access_token"]
        assert (await server.client.request("HEAD", ME)).code == "missing_token"
        assert (await server.client.request("HEAD", ME, token=access + "x")).code == "invalid_token"
        assert (await server.client.request("HEAD", ME, token=access)).status == 200
        # HEAD stands for GET and for nothing else.
        assert (await server.client.request("HEAD", "/api/v1/auth/logout", token=access)).status == 405
        for headers in (
            [],
            [(b"origin", APP.encode())],
            [(b"access-control-request-method", b"GET")],
            [(b"origin", APP.encode()), (b"access-control-request-method", b"")],
        ):
            answer = await server.client.request("OPTIONS", ME, token=access, headers=headers)
            assert (answer.status, answer.code) == (405, "method_not_allowed"), headers
        for method in ("options", "get", "POST\t", "TRACE", "CONNECT", "GET ", ""):
            assert (await server.client.request(method, ME, token=access)).code == "method_not_allowed"


async def test_h04_a_preflight_carries_no_credentials_into_anything(server: Server, victim: Page) -> None:
    before = dump(server.path)
    for path, body in REQUESTS:
        answer = await victim.send(
            "OPTIONS",
            f"/api/v1/{path}",
            json=body | {"delivery": "cookie"},
            headers=[(b"access-control-request-method", b"POST")],
        )
        # Of the server's own origin: a browser asks for no leave there.
        assert (answer.status, answer.values("set-cookie")) == (403, [])
    assert dump(server.path) == before


async def test_h04_a_websocket_is_closed_before_anything_is_read(server: Server, victim: Page) -> None:
    """Browsers ask for no leave before they open one, and send the cookies along."""
    sent: list[Any] = []

    async def receive() -> Any:
        pytest.fail("something was read")

    async def send(message: Any) -> None:
        sent.append(message)

    for path in (ME, "/api/v1/auth/refresh", "/"):
        await server.door(
            {
                "type": "websocket",
                "path": path,
                "query_string": b"",
                "headers": [OURS, (b"cookie", f"{REFRESH}={victim.jar[REFRESH]}".encode())],
                "client": ("192.0.2.7", 1),
            },
            receive,
            send,
        )
    assert sent == [{"type": "websocket.close"}] * 3
    upgrade = [(b"connection", b"upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
    assert (await server.client.get(ME, headers=upgrade)).code == "missing_token"


async def cookies_of_a_whole_life(server: Server) -> list[str]:
    page = Page(server.client, APP)
    answers: list[Answer] = [await page.log_in()]
    server.clock.advance(11)
    answers.append(await page.refresh())
    access = answers[-1].json["access_token"]
    body = {"current_password": PASSWORD, "new_password": OTHER_PASSWORD, "delivery": "cookie"}
    answers += [await page.send("POST", f"{ME}/password", json=body, token=access), await page.log_out()]
    assert {answer.status for answer in answers} == {200}
    return [text for answer in answers for text in answer.values("set-cookie")]


@pytest.mark.parametrize("dev", [False, True])
async def test_h09_every_cookie_is_for_this_host_over_tls_and_for_no_script(
    tmp_path: Path, dev: bool
) -> None:
    """Also under `dev`: browsers count loopback as safe, and what is lenient there is forgotten elsewhere."""
    how: dict[str, Any] = {"dev": True, "issuer": "http://127.0.0.1:8080"} if dev else {}
    async with run_server(tmp_path, browser_origins=(APP,), **how) as server:
        await server.account()
        found = await cookies_of_a_whole_life(server)
    assert {text.partition("=")[0] for text in found} == {REFRESH, DEVICE}
    assert len(found) == 5
    for text in found:
        given = attributes(text)
        # `Domain` would let a subdomain have it, and a browser refuse the prefix.
        assert given.keys() == {"path", "secure", "httponly", "samesite", "max-age"}
        assert (given["path"], given["samesite"]) == ("/", "Strict")
        assert text.startswith("__Host-")


async def test_h09_a_cookie_that_only_looks_like_ours_is_none(server: Server, victim: Page) -> None:
    """A subdomain can set cookies for the whole site, but none with the prefix: so the name must be exactly that."""
    token = victim.jar[REFRESH].encode()
    page = Page(server.client)
    for name in (
        b"tokenward-refresh",
        b"__host-tokenward-refresh",
        b"__Host-Tokenward-Refresh",
        b"__Secure-tokenward-refresh",
        b"\x0b__Host-tokenward-refresh",
        b"\x0c__Host-tokenward-refresh",
        b"\xc2\xa0__Host-tokenward-refresh",
        b"\xe2\x80\x80__Host-tokenward-refresh",
        b"\x00__Host-tokenward-refresh",
        b"__Host-tokenward-refresh\x00",
        b"%5F_Host-tokenward-refresh",
        b'"__Host-tokenward-refresh"',
        b"x=__Host-tokenward-refresh",
        b"=__Host-tokenward-refresh",
    ):
        answer = await page.refresh(headers=[(b"cookie", name + b"=" + token)])
        assert (answer.status, answer.code) == (400, "invalid_grant"), name
    # Nor is one found inside the value of another (RFC 2109 had quoted values and $Version).
    for header in (
        b'a="b; __Host-tokenward-refresh_=' + token + b'"',
        b"a=__Host-tokenward-refresh=" + token,
    ):
        assert (await page.refresh(headers=[(b"cookie", header)])).code == "invalid_grant"


async def test_h09_no_cookie_is_in_an_answer_that_may_be_stored_or_in_the_log(
    server: Server, victim: Page
) -> None:
    answers = [await victim.refresh(), await victim.log_in(), await victim.log_out()]
    for answer in answers:
        assert answer.header("cache-control") == "no-store"
        for value in victim.jar.values():
            assert value not in answer.body.decode()
    for value in victim.jar.values():
        assert value[:40] not in server.log_text
