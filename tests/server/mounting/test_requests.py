"""Requests to the mount: wherever it is mounted, under whatever server, with whatever such a server leaves out."""

import warnings
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.server.building import AUDIENCE, EMAIL, PASSWORD
from tests.server.mounting.applications import (
    Application,
    application,
    mounted,
    run_application,
    websocket,
)

LOGIN = b'{"username":"%s","password":"%s"}' % (EMAIL.encode(), PASSWORD.encode())


async def ask(
    app: Any, path: str, *messages: dict[str, Any], method: str = "GET", **members: Any
) -> tuple[int, bytes]:
    """One request with nothing in its scope that a server may leave out; status and body."""
    coming, sent = list(messages) or [{"type": "http.request"}], []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path, "headers": [], **members}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(part.get("body", b"") for part in sent[1:])


@pytest.mark.parametrize("issuer", ["https://example.com/auth", "https://example.com"])
@pytest.mark.parametrize(
    ("path", "root_path"),
    [
        ("/auth/readyz", "/auth"),
        ("/shop/auth/readyz", "/shop/auth"),
        ("/readyz", "/auth"),
        ("/readyz", ""),
    ],
)
async def test_a_path_is_found_wherever_the_mount_is(
    tmp_path: Path, issuer: str, path: str, root_path: str
) -> None:
    auth = mounted(tmp_path, issuer=issuer)
    async with auth.lifespan():
        assert await ask(auth, path, root_path=root_path) == (200, b'{"status":"ready"}')


@pytest.mark.parametrize(
    ("path", "root_path"), [("/auth", "/auth"), ("/authreadyz", "/auth"), ("/auth/auth/auth/readyz", "/auth")]
)
async def test_no_other_path_is_taken_for_one(tmp_path: Path, path: str, root_path: str) -> None:
    auth = mounted(tmp_path)
    async with auth.lifespan():
        assert (await ask(auth, path, root_path=root_path))[0] == 404


@pytest.mark.parametrize("root_path", ["", "/behind/a/proxy"])
async def test_mounts_within_mounts_and_proxies_in_front(tmp_path: Path, root_path: str) -> None:
    auth = mounted(tmp_path)
    inner = FastAPI()
    inner.mount("/auth", auth)
    app = Starlette(routes=[Mount("/v1", inner)])
    async with auth.lifespan():
        path = f"{root_path}/v1/auth/healthz"
        assert (await ask(app, path, root_path=root_path))[0] == 200


async def test_metadata_is_found_at_the_root_of_the_host(application: Application) -> None:
    inside = await application.get("/auth/.well-known/openid-configuration")
    outside = await application.get("/.well-known/oauth-authorization-server/auth")
    assert (inside.status_code, outside.status_code) == (200, 200)
    assert inside.json()["issuer"] == outside.json()["issuer"] == "https://example.com/auth"
    keys = await application.get(inside.json()["jwks_uri"].removeprefix("https://example.com"))
    assert keys.json()["keys"]
    assert (await application.get("/.well-known/oauth-authorization-server/other")).status_code == 404


async def test_authorize_on_the_page_of_the_api_signs_in(application: Application) -> None:
    """What Swagger UI reads, and what it sends then: a form, and the client's name and secret, which are empty."""
    described = (await application.get("/openapi.json")).json()
    (scheme,) = described["components"]["securitySchemes"].items()
    for path in ("/guarded", "/optional", "/admin", "/far"):
        assert described["paths"][path]["get"]["security"] == [{scheme[0]: []}]
    await application.account(roles=["admin"])
    answer = await application.http.post(
        scheme[1]["flows"]["password"]["tokenUrl"],
        data={"grant_type": "password", "username": EMAIL, "password": PASSWORD, "scope": ""},
        headers={
            "authorization": "Basic Og==",
            "origin": "https://example.com",
            "x-requested-with": "XMLHttpRequest",
        },
    )
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")
    assert (await application.get("/admin", answer.json()["access_token"])).status_code == 200


async def test_a_server_may_leave_out_what_asgi_lets_it(application: Application) -> None:
    await application.account()
    headers = [(b"Content-Type", b"application/json")]
    status, _ = await ask(
        application.auth,
        "/api/v1/auth/login",
        {"type": "http.request", "more_body": True},
        {"type": "http.request", "body": LOGIN},
        method="POST",
        headers=headers,
        client=None,
    )
    assert status == 200


@pytest.mark.parametrize(
    ("length", "status"),
    [
        (b"x", 400),
        (b"-1", 400),
        (b"1_0", 400),
        (b"+1", 400),
        (b"\xb2", 400),
        (b"9" * 19, 413),
        (b"9" * 5000, 413),
    ],
)
async def test_a_length_that_is_none_is_refused(application: Application, length: bytes, status: int) -> None:
    headers = [(b"content-length", length), (b"content-type", b"application/json")]
    found, body = await ask(
        application.auth,
        "/api/v1/auth/login",
        {"type": "http.request", "body": LOGIN},
        method="POST",
        headers=headers,
    )
    assert found == status, body


async def test_a_peer_without_an_address_is_not_taken_for_a_proxy(tmp_path: Path) -> None:
    async with run_application(tmp_path) as it:
        headers = [(b"x-forwarded-for", b"127.0.0.1")]
        assert (await ask(it.auth, "/metrics", headers=headers, client=None))[0] == 404


async def test_a_websocket_to_the_mount_is_closed(application: Application) -> None:
    assert await websocket(application.app, "/auth/healthz") == [{"type": "websocket.close"}]


def test_the_test_client_of_starlette_starts_it_and_ends_it(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        # It says that it would rather have another HTTP client.
        warnings.simplefilter("ignore")
        from starlette.testclient import TestClient

    app = application(mounted(tmp_path, audience=AUDIENCE))
    for _ in range(2):
        with TestClient(app, base_url="https://example.com") as client:
            assert client.get("/auth/readyz").json() == {"status": "ready"}
            assert client.get("/guarded").status_code == 401
