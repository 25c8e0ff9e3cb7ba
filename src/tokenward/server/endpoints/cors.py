"""CORS: what a browser lets pages of other origins send here and read (Fetch standard, section 3.2).

Only the origins that the settings list get anything. None is ever echoed that is not listed, and never `*`.
"""

from collections.abc import Iterable, Mapping

from tokenward.server.endpoints.browsers import OriginRefused
from tokenward.server.endpoints.messages import Handler, Header, Request, Response

VARY: Header = (b"vary", b"Origin")

_ALLOWED_HEADERS = b"authorization, content-type, x-tokenward"
# What a script may read of an answer beside its body and a few harmless headers.
_EXPOSED_HEADERS = b"x-request-id, retry-after, www-authenticate"
# Browsers ask again after two hours at the latest.
_MAX_AGE_SECONDS = b"7200"


class Cors:
    """The answers' headers for pages of the listed origins, and the answers to preflight requests."""

    def __init__(self, origins: Iterable[str]) -> None:
        # Which answer it is depends on the origin that asks, also where none is named: a cache must know.
        self._headers: dict[bytes, tuple[Header, ...]] = {
            origin.encode(): (
                VARY,
                (b"access-control-allow-origin", origin.encode()),
                (b"access-control-allow-credentials", b"true"),
                (b"access-control-expose-headers", _EXPOSED_HEADERS),
            )
            for origin in origins
        }

    def headers(self, request: Request) -> tuple[Header, ...]:
        """What every answer to this request carries, errors included."""
        return self._headers.get(_origin(request), (VARY,))

    def preflight(self, request: Request, methods: Mapping[str, Handler]) -> Response | None:
        """The answer to a preflight request for a path with these methods.

        `None` where it is no preflight, or asks for a method that the path does not take: that is told as ever.

        Raises:
            OriginRefused: the origin is not listed.
        """
        asked = request.header(b"access-control-request-method")
        if request.method != "OPTIONS" or not asked or not request.header_values(b"origin"):
            return None
        if _origin(request) not in self._headers:
            raise OriginRefused(reason="preflight from a foreign origin")
        allowed = [*methods, "HEAD"] if "GET" in methods else [*methods]
        if asked.decode("latin-1") not in allowed:
            return None
        return Response(
            204,
            b"",
            headers=(
                (b"access-control-allow-methods", ", ".join(allowed).encode()),
                (b"access-control-allow-headers", _ALLOWED_HEADERS),
                (b"access-control-max-age", _MAX_AGE_SECONDS),
                (b"cache-control", b"no-store"),
            ),
        )


def _origin(request: Request) -> bytes:
    origins = request.header_values(b"origin")
    return origins[0] if len(origins) == 1 else b""
