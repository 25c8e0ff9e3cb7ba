"""An application of FastAPI with Tokenward mounted at `/auth`, in this process, on a clock that is moved by hand."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import httpx
import msgspec
from fastapi import Depends, FastAPI, WebSocket
from starlette.requests import Request
from tests.server.building import AUDIENCE, EMAIL, PASSWORD, settings

from tokenward.clock import FakeClock
from tokenward.server import Account, Mounted, Principal, create_app
from tokenward.server.services import Services

ISSUER = "https://example.com/auth"


class Claims(msgspec.Struct):
    """The claims of the application in these tests."""

    tenant: str
    plan: str = "free"


def mounted(folder: Path, claims: Callable[[Account], Any] | None = None, **changes: Any) -> Mounted[Any]:
    """A server to mount, which is not started."""
    clock = changes.pop("clock", None) or FakeClock()
    typed = changes.pop("claims_type", None)
    chosen = settings(folder, **({"issuer": ISSUER, "audience": AUDIENCE} | changes))
    if typed is None:
        return create_app(chosen, claims=claims, clock=clock)
    return create_app(chosen, claims=claims, claims_type=typed, clock=clock)


def application(auth: Mounted[Any]) -> FastAPI:
    """Routes with every kind of guard. Each answers who asked."""
    app = FastAPI(lifespan=auth.lifespan)
    app.mount("/auth", auth)
    app.mount("/.well-known/oauth-authorization-server", auth.well_known)

    def told(user: Principal[Any] | None) -> dict[str, Any]:
        claims = None if user is None else user.claims
        return {"sub": user and user.sub, "claims": msgspec.to_builtins(claims) if is_typed(claims) else None}

    async def guarded(user: Annotated[Principal[Any], Depends(auth.signed_in)]) -> dict[str, Any]:
        return told(user)

    async def optional(
        user: Annotated[Principal[Any] | None, Depends(auth.signed_in_or_none)],
    ) -> dict[str, Any]:
        return told(user)

    async def admin(
        user: Annotated[Principal[Any], Depends(auth.requires(roles=["admin"]))],
    ) -> dict[str, Any]:
        return told(user)

    async def far(
        user: Annotated[Principal[Any], Depends(auth.requires(scope=["account", "far"]))],
    ) -> dict[str, Any]:
        return told(user)

    async def plain(request: Request) -> dict[str, Any]:
        return told(await auth.authenticate(request, roles=[]))

    async def socket(websocket: WebSocket, user: Annotated[Principal[Any], Depends(auth.signed_in)]) -> None:
        await websocket.accept()
        await websocket.send_text(user.sub)
        await websocket.close()

    methods = ["GET", "HEAD", "OPTIONS", "POST", "DELETE"]
    for endpoint in (guarded, optional, admin, far, plain):
        for method in methods:
            name = f"{endpoint.__name__}_{method}"
            app.add_api_route(f"/{endpoint.__name__}", endpoint, methods=[method], operation_id=name)
    app.add_api_websocket_route("/socket", socket)
    return app


def is_typed(claims: object) -> bool:
    return claims is not None and not isinstance(claims, Mapping)


@dataclass
class Application:
    """A started application, and a client of it."""

    auth: Mounted[Any]
    app: FastAPI
    http: httpx.AsyncClient
    clock: FakeClock

    @property
    def services(self) -> Services:
        assert self.auth._running is not None
        return self.auth._running.services

    async def account(self, email: str = EMAIL, **how: Any) -> Account:
        return await self.auth.create_account(email=email, password=PASSWORD, **how)

    async def log_in(self, email: str = EMAIL) -> httpx.Response:
        return await self.http.post("/auth/api/v1/auth/login", json={"username": email, "password": PASSWORD})

    async def refresh(self, token: str) -> httpx.Response:
        return await self.http.post("/auth/api/v1/auth/refresh", json={"refresh_token": token})

    async def tokens(self, **how: Any) -> dict[str, Any]:
        """A fresh account, signed in."""
        await self.account(**how)
        answer = await self.log_in()
        assert answer.status_code == 200, answer.text
        tokens: dict[str, Any] = answer.json()
        return tokens

    async def get(self, path: str, token: str | None = None, **how: Any) -> httpx.Response:
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        return await self.http.get(path, headers=headers, **how)


@contextlib.asynccontextmanager
async def run_application(
    folder: Path, claims: Callable[[Account], Any] | None = None, **changes: Any
) -> AsyncIterator[Application]:
    clock = changes.setdefault("clock", FakeClock())
    auth = mounted(folder, claims, **changes)
    app = application(auth)
    transport = httpx.ASGITransport(app, client=("192.0.2.7", 40000))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="https://example.com") as http,
    ):
        yield Application(auth, app, http, clock)


async def websocket(app: Any, path: str, *headers: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """Open a WebSocket; what the application sent."""
    coming: list[dict[str, Any]] = [{"type": "websocket.connect"}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return coming.pop(0) if coming else {"type": "websocket.disconnect", "code": 1000}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "scheme": "wss",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": list(headers),
        "client": ("192.0.2.7", 40000),
        "subprotocols": [],
        "state": {},
    }
    await app(scope, receive, send)
    return sent
