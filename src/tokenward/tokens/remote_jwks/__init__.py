"""The keys of an issuer that publishes them at an address, kept fresh while the program runs.

It owns the decision when to fetch, what is served meanwhile and what is given up (`schedule`), the sequence of
requests from discovery to keys (`discovery`, `key_fetch`), which addresses are allowed (`addresses`), the two
sources for threads and for asyncio, which share all of that, and the transports. Reading a JWK Set and choosing
a key from it is in `tokenward.jose.jwks`; the verifier that asks for keys is in `tokenward.tokens`. An address
never comes out of a token: it is configured, or stands in the metadata of a configured issuer.

`tokenward.tokens` does not import this package until it is used, and asyncio, ssl and httpx are imported by the
parts that need them.

RFC 7517 section 5, RFC 8414 section 3, OpenID Connect Discovery 1.0 section 4, RFC 9111 section 4.2.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from tokenward.tokens.remote_jwks.options import Options
from tokenward.tokens.remote_jwks.remote_keys import RemoteJWKSetStatus
from tokenward.tokens.remote_jwks.transport import (
    AsyncTransport,
    FetchFailed,
    Request,
    Response,
    Transport,
)

if TYPE_CHECKING:
    from tokenward.tokens.remote_jwks.coroutines import AsyncRemoteJWKSet
    from tokenward.tokens.remote_jwks.httpx_transport import AsyncHTTPXTransport, HTTPXTransport
    from tokenward.tokens.remote_jwks.standard_transport import AsyncStandardTransport, StandardTransport
    from tokenward.tokens.remote_jwks.threads import RemoteJWKSet

__all__ = [
    "AsyncHTTPXTransport",
    "AsyncRemoteJWKSet",
    "AsyncStandardTransport",
    "AsyncTransport",
    "FetchFailed",
    "HTTPXTransport",
    "Options",
    "RemoteJWKSet",
    "RemoteJWKSetStatus",
    "Request",
    "Response",
    "StandardTransport",
    "Transport",
]

# Who works with threads must not pay for asyncio, and nobody needs httpx who has not installed it.
_LOADED_ON_USE: Final = {
    "AsyncHTTPXTransport": "httpx_transport",
    "AsyncRemoteJWKSet": "coroutines",
    "AsyncStandardTransport": "standard_transport",
    "HTTPXTransport": "httpx_transport",
    "RemoteJWKSet": "threads",
    "StandardTransport": "standard_transport",
}


def __getattr__(name: str) -> Any:
    module = _LOADED_ON_USE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)
