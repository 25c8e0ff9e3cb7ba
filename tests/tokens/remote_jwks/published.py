"""Key sets as issuers publish them, and transports that answer from memory."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import msgspec

from tokenward.jose.jwk import ECPrivateKey, PublicKey, generate
from tokenward.tokens.remote_jwks import FetchFailed, Request, Response

URL = "https://idp.example/keys"
ISSUER = "https://idp.example/tenant"
OPENID_URL = "https://idp.example/tenant/.well-known/openid-configuration"
OAUTH_URL = "https://idp.example/.well-known/oauth-authorization-server/tenant"

# Far more than anything here takes, also on a machine that is busy with other things.
LONG_SECONDS = 60.0


@lru_cache
def jwk(name: str) -> dict[str, Any]:
    """Return the public JWK of a key whose kid is `name`; the same one each time."""
    signing = generate("ES256")
    assert isinstance(signing, ECPrivateKey)
    public: PublicKey = signing.public_key()
    return {**public.to_jwk(), "kid": name}


def published(*names: str, also: Iterable[Any] = (), **members: Any) -> bytes:
    """Return the JWK Set of the keys with these kids, and of the entries `also`."""
    return msgspec.json.encode({"keys": [*map(jwk, names), *also]} | members)


def metadata(issuer: str = ISSUER, jwks_uri: str = URL, **members: Any) -> bytes:
    return msgspec.json.encode({"issuer": issuer, "jwks_uri": jwks_uri} | members)


def answer(body: bytes = b"", status: int = 200, **headers: str) -> Response:
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)


NOT_FOUND = answer(status=404)
SERVER_ERROR = answer(status=500)

Outcome = Response | FetchFailed | Exception | Callable[[Request], Response]


class Memory:
    """Answers for addresses, which can be changed; and what was asked. With `gate` shut, answers wait."""

    def __init__(self, body: bytes | Outcome = b"", **places: Outcome) -> None:
        self.places: dict[str, Outcome] = {}
        self.requests: list[Request] = []
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)
        self.put(URL, body)

    def put(self, url: str, what: bytes | Outcome) -> None:
        self.places[url] = answer(what) if isinstance(what, bytes) else what

    @property
    def urls(self) -> list[str]:
        return [request.address.url for request in self.requests]

    def take(self, request: Request) -> Response:
        found = self.places.get(request.address.url, NOT_FOUND)
        if isinstance(found, Exception):
            raise found
        return found(request) if callable(found) and not isinstance(found, Response) else found


class MemoryTransport(Memory):
    def fetch(self, request: Request) -> Response:
        self.requests.append(request)
        self.arrived.release()
        assert self.gate.wait(LONG_SECONDS)
        return self.take(request)


class AsyncMemoryTransport(Memory):
    async def fetch(self, request: Request) -> Response:
        self.requests.append(request)
        self.arrived.release()
        for _ in range(int(LONG_SECONDS / 0.005)):
            if self.gate.is_set():
                break
            await asyncio.sleep(0.005)
        return self.take(request)
