"""A request as endpoints see it, and an answer."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

import msgspec

from tokenward.errors import Error, InvalidRequest
from tokenward.protocol.errors import BODY_TOO_LARGE
from tokenward.server.endpoints.paths import NO_PARAMETERS

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]
S = TypeVar("S", bound=msgspec.Struct)

JSON = b"application/json"
PROBLEM_JSON = b"application/problem+json"

# A longer number is beyond every limit, and is not read.
_MOST_DIGITS = 18


class BodyTooLarge(Error):
    """The body is longer than the limit; it is not read to its end."""

    code = BODY_TOO_LARGE
    status = 413


class ClientGone(Exception):
    """The client hung up before its request was whole; nobody is left to answer."""


class Request:
    """One request. `id` is ours, stands in the answer and in the log, and identifies nothing else.

    `address` is the client's, as far as the connection or a proxy named in the settings tells it. `parameters` holds
    the text that the path has in the place of each `{name}` of its route; nothing of it is checked.
    """

    __slots__ = (
        "_max_body_bytes",
        "_receive",
        "address",
        "headers",
        "id",
        "method",
        "parameters",
        "path",
        "query",
    )

    def __init__(self, scope: Scope, receive: Receive, request_id: str, max_body_bytes: int) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[Header] = scope["headers"]
        client: tuple[str, int] | None = scope["client"]
        self.address = client[0] if client else ""
        self.id = request_id
        self.parameters = NO_PARAMETERS
        self._receive = receive
        self._max_body_bytes = max_body_bytes

    def header_values(self, name: bytes) -> list[bytes]:
        """All values of a header, in the order they came; `name` in lower case."""
        return [value for header, value in self.headers if header == name]

    def header(self, name: bytes) -> bytes:
        """The first value of a header, or empty; `name` in lower case."""
        for header, value in self.headers:
            if header == name:
                return value
        return b""

    @property
    def agent(self) -> str:
        """What the client calls itself, cut to 200 characters. For people to read; it decides nothing."""
        return self.header(b"user-agent")[:200].decode("latin-1")

    async def body(self) -> bytes:
        """The whole body. How long it may take to arrive is the connection's to limit (`connection`).

        Raises:
            BodyTooLarge: it is longer than the limit, by its own account or in fact.
            ClientGone: the connection was closed before its end.
            InvalidRequest: it says a length that is none.
        """
        declared = self.header(b"content-length")
        if declared:
            if not declared.isdigit():
                # Our own server program refuses it before; another one may pass it on.
                raise InvalidRequest(reason="content-length is no number")
            if len(declared) > _MOST_DIGITS or int(declared) > self._max_body_bytes:
                raise self._too_large()
        body = b""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            body = body + part if body else part
            if len(body) > self._max_body_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return body

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"The body is too large. Send at most {self._max_body_bytes} bytes.")


class Response(NamedTuple):
    """An answer; the door adds the headers that every answer carries.

    A page for people brings headers in `policy`, in the place of those with which the door says what a browser may do
    with an answer.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[Header, ...] = ()
    policy: tuple[Header, ...] | None = None


Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

NO_STORE: tuple[Header, ...] = ((b"cache-control", b"no-store"),)


def json_response(content: object, status: int = 200, headers: tuple[Header, ...] = NO_STORE) -> Response:
    """An answer in JSON. It is not to be stored by anybody unless `headers` say otherwise."""
    return Response(status, msgspec.json.encode(content), JSON, headers)


def extended(kind: type[S], *parts: msgspec.Struct, **more: Any) -> S:
    """An answer of `kind`, which has all members of `parts` and those in `more`."""
    members: dict[str, Any] = {}
    for part in parts:
        members |= msgspec.structs.asdict(part)
    return kind(**members, **more)
