"""CORS: what pages of listed origins may send and read, and that all others get nothing."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.server.building import EMAIL, ISSUER, PASSWORD, Answer, Server, run_server
from tests.server.endpoints.pages import APP, Page

from tokenward.errors import StorageUnavailable
from tokenward.server.app import build_door

OTHER = "https://evil.example"
ME = "/api/v1/users/me"
FOREIGN = [
    b"https://evil.example",
    b"null",
    b"",
    b"*",
    b"http://app.example.com",
    b"https://app.example.com/",
    b"https://APP.example.com",
    b"https://app.example.com:443",
    b"https://app.example.com.evil.example",
    b"https://xapp.example.com",
    b"\xff\xfe",
    ISSUER.encode(),
]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with run_server(tmp_path, browser_origins=(APP, "https://two.example")) as it:
        yield it


def cors_headers(answer: Answer) -> dict[str, str]:
    return {
        name.decode(): value.decode() for name, value in answer.headers if name.startswith(b"access-control")
    }


async def answers(server: Server, *origins: bytes) -> list[Answer]:
    """An answer of each kind, good and bad."""
    headers = [(b"origin", origin) for origin in origins]
    client = server.client
    big = {"email": EMAIL, "password": "x" * 100_000}
    found = [
        await client.post(
            "/api/v1/auth/register", json={"email": EMAIL, "password": PASSWORD}, headers=headers
        ),
        await client.log_in(headers=headers),
        await client.log_in("wrong", headers=headers),
        await client.get(ME, headers=headers),
        await client.me("x", headers=headers),
        await client.get("/nothing", headers=headers),
        await client.request("PUT", ME, headers=headers),
        await client.request("OPTIONS", ME, headers=headers),
        await client.post("/api/v1/auth/login", json=big, headers=headers),
        await client.post("/api/v1/auth/login", form={"a": "b"}, headers=headers),
        await client.get("/.well-known/jwks.json", headers=headers),
        await client.get(ME, query=b"access_token=x", headers=headers),
        await client.get("/healthz", headers=headers),
    ]
    guesses = range(server.services.settings.login_burst)
    return found + [await client.log_in("wrong", headers=headers) for _ in guesses]


async def test_a_page_of_a_listed_origin_may_read_every_answer(server: Server) -> None:
    found = await answers(server, APP.encode())
    assert {answer.status for answer in found} >= {200, 201, 400, 401, 404, 405, 413, 429}
    for answer in found:
        assert cors_headers(answer) == {
            "access-control-allow-origin": APP,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "x-request-id, retry-after, www-authenticate",
        }
        assert answer.values("vary") == ["Origin"]


@pytest.mark.parametrize("origin", [*FOREIGN, None])
async def test_no_other_page_may_read_any_and_caches_are_told(server: Server, origin: bytes | None) -> None:
    for answer in await answers(server, *([] if origin is None else [origin])):
        assert cors_headers(answer) == {}
        assert answer.values("vary") == ["Origin"]


async def test_two_origins_are_none(server: Server) -> None:
    for answer in await answers(server, APP.encode(), APP.encode()):
        assert cors_headers(answer) == {}


async def test_errors_of_ours_can_be_read_too(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError

    async def unavailable(*_: object) -> None:
        raise StorageUnavailable

    for failure, status in ((fail, 500), (unavailable, 503)):
        with monkeypatch.context() as patch:
            patch.setattr(server.services.storage.clients, "find", failure)
            answer = await Page(server.client, APP).log_in()
        assert answer.status == status
        assert cors_headers(answer)["access-control-allow-origin"] == APP
        assert answer.values("vary") == ["Origin"]


async def test_each_of_several_origins_gets_its_own_name(server: Server) -> None:
    for origin in (APP, "https://two.example"):
        answer = await server.client.get("/healthz", headers=[(b"origin", origin.encode())])
        assert answer.header("access-control-allow-origin") == origin


def preflight(method: str, origin: str | bytes = APP, **more: str) -> list[tuple[bytes, bytes]]:
    origin = origin if isinstance(origin, bytes) else origin.encode()
    asked = [(b"origin", origin), (b"access-control-request-method", method.encode())]
    return asked + [(name.replace("_", "-").encode(), value.encode()) for name, value in more.items()]


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("/api/v1/auth/login", "POST", "POST"),
        (ME, "GET", "GET, PATCH, DELETE, HEAD"),
        (ME, "DELETE", "GET, PATCH, DELETE, HEAD"),
        (ME, "HEAD", "GET, PATCH, DELETE, HEAD"),
        (f"{ME}/sessions/abc", "DELETE", "DELETE"),
        ("/api/v1/admin/accounts/usr_x/roles", "PUT", "PUT"),
    ],
)
async def test_a_preflight_is_told_the_methods_of_its_path(
    server: Server, path: str, method: str, allowed: str
) -> None:
    how = preflight(method, access_control_request_headers="x-tokenward,content-type")
    answer = await server.client.request("OPTIONS", path, headers=how)
    assert (answer.status, answer.body) == (204, b"")
    assert cors_headers(answer) == {
        "access-control-allow-origin": APP,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-request-id, retry-after, www-authenticate",
        "access-control-allow-methods": allowed,
        "access-control-allow-headers": "authorization, content-type, x-tokenward",
        "access-control-max-age": "7200",
    }
    assert answer.values("vary") == ["Origin"]
    assert answer.header("content-length") is None


@pytest.mark.parametrize("origin", FOREIGN)
async def test_a_preflight_of_a_foreign_page_is_refused(server: Server, origin: bytes) -> None:
    answer = await server.client.request("OPTIONS", "/api/v1/auth/login", headers=preflight("POST", origin))
    assert (answer.status, answer.code) == (403, "origin_refused")
    assert cors_headers(answer) == {}


@pytest.mark.parametrize("method", ["GET", "PUT", "post", "TRACE", "*", "", "\xff"])
async def test_a_preflight_for_a_method_that_the_path_does_not_take_is_told_so(
    server: Server, method: str
) -> None:
    answer = await server.client.request("OPTIONS", "/api/v1/auth/login", headers=preflight(method))
    assert (answer.status, answer.code, answer.header("allow")) == (405, "method_not_allowed", "POST")
    assert "access-control-allow-methods" not in cors_headers(answer)


async def test_a_preflight_for_no_path_of_ours_finds_nothing(server: Server) -> None:
    answer = await server.client.request("OPTIONS", "/nothing", headers=preflight("GET"))
    assert (answer.status, answer.code) == (404, "not_found")


async def test_a_preflight_runs_nothing(server: Server) -> None:
    """However it looks: the handler of the method is not called, so no account is made."""
    body: dict[str, Any] = {"email": EMAIL, "password": PASSWORD}
    answer = await server.client.request(
        "OPTIONS", "/api/v1/auth/register", json=body, headers=preflight("POST")
    )
    assert answer.status == 204
    assert await server.events("account.created") == []


async def test_without_listed_origins_nobody_gets_anything(tmp_path: Path) -> None:
    async with run_server(tmp_path) as server:
        for origin in (APP, ISSUER, OTHER):
            for answer in await answers(server, origin.encode()):
                assert cors_headers(answer) == {}
                assert answer.values("vary") == []
        answer = await server.client.request("OPTIONS", ME, headers=preflight("GET"))
        assert (answer.status, answer.code) == (405, "method_not_allowed")
        assert build_door(server.services, log=server.log, metrics=server.metrics)._policy.cors is None


async def test_a_listed_page_may_use_what_its_own_pages_may(server: Server) -> None:
    page = Page(server.client, APP)
    body = {"email": EMAIL, "password": PASSWORD}
    assert (await page.send("POST", "/api/v1/auth/register", json=body)).status == 201
    tokens = (await page.send("POST", "/api/v1/auth/login", json=body)).json
    assert tokens["refresh_token"].startswith("twr_")
    access = tokens["access_token"]
    assert (await page.send("POST", "/api/v1/auth/logout-everywhere", token=access)).status == 200
