"""Limits of one HTTP connection: how long a request head may be, and how long head and body may take to arrive.

The server program reads heads of any length and waits for ever; a client that drips one byte a second would hold a
connection open without an end. How long a body may be is limited where it is read (`messages.Request.body`).
"""

import asyncio
import socket
from enum import Enum
from typing import Any, ClassVar

import msgspec
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tokenward.protocol.errors import HEADERS_TOO_LARGE, INVALID_REQUEST, REQUEST_TIMEOUT
from tokenward.server.endpoints.client_address import UNIX_PEER
from tokenward.server.endpoints.draining import Draining
from tokenward.server.endpoints.error_responses import Problem
from tokenward.server.endpoints.messages import Send
from tokenward.server.observation.metrics import ConnectionCounts

# A body that is still to come when the server stops gets this long, and its answer the rest of the drain.
_LAST_BODY_SECONDS = 5.0

# How an answer begins, but no "100 Continue", which must go out at once.
_ANSWER = (b"HTTP/1.1 2", b"HTTP/1.1 3", b"HTTP/1.1 4", b"HTTP/1.1 5")
_PROBLEM = "\r\n".join(
    (
        "HTTP/1.1 {status} {title}",
        "content-type: application/problem+json",
        "content-length: {length}",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "connection: close",
        "",
        "",
    )
)


class _Awaited(Enum):
    """What the client still has to send."""

    HEAD = "head"
    BODY = "body"


class _OneWrite:
    """A transport that sends the head of an answer together with its body.

    The server program writes them one after the other; on the wire that is two packets, and for the kernel twice the
    work, which is a fifth of a small answer. The head is held until the body, the end of the answer, or the end of the
    connection, all of which come from the same call.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._held = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if data.startswith(_ANSWER) and not self._held:
            self._held = data
        else:
            self._transport.write(self._held + data)
            self._held = b""

    def flush(self) -> None:
        if self._held:
            self._transport.write(self._held)
            self._held = b""

    def close(self) -> None:
        self.flush()
        self._transport.close()


class LimitedConnection(HttpToolsProtocol):
    """The HTTP protocol of the server program, with limits on request heads. Make subclasses with `limited`."""

    max_head_bytes: ClassVar[int]
    head_timeout_seconds: ClassVar[float]
    body_timeout_seconds: ClassVar[float]
    draining: ClassVar[Draining]
    counts: ClassVar[ConnectionCounts]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._new_bytes = 0
        self._awaited: _Awaited | None = _Awaited.HEAD
        self._timed: _Awaited | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock for the first request head."""
        super().connection_made(transport)
        self.counts.open += 1
        self._one_write = _OneWrite(transport)
        # It has all that a transport has, by delegation.
        self.transport = self._one_write  # type: ignore[assignment]
        # A TCP connection whose address is not known any more (it was reset) must not count as a Unix socket's.
        if getattr(transport.get_extra_info("socket"), "family", None) == socket.AF_UNIX:
            self.client = (UNIX_PEER, 0)
        if self.draining.closed:
            # It was accepted, or shook hands in TLS, while the server began to stop.
            self.transport.close()
        else:
            self._set_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self.counts.open -= 1
        self._awaited = None
        self._set_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse, then see what is still awaited: a timer runs only for a rest, so a whole request costs none."""
        self._new_bytes = len(data)
        super().data_received(data)
        if self._awaited is _Awaited.HEAD:
            # The parser keeps a header to itself until it is complete, so an endless one is counted here.
            self._head_bytes += self._new_bytes
            if self._head_bytes > self.max_head_bytes:
                self.counts.refused["head_too_large"] += 1
                self._refuse(431, "Request Header Fields Too Large", HEADERS_TOO_LARGE, self._too_large())
        if self._awaited is not self._timed:
            self._set_timer()
        if self._awaited is None and self.timeout_keep_alive_task is None:
            self._keep_idle_clock()

    def shutdown(self) -> None:
        """The server stops: answer what is in flight, and wait for a body that is under way, but not for long."""
        super().shutdown()
        if self._awaited is _Awaited.BODY and not self.transport.is_closing():
            self._set_timer(at_most=_LAST_BODY_SECONDS)

    def on_message_begin(self) -> None:
        """A request starts."""
        super().on_message_begin()
        self._awaited = _Awaited.HEAD

    def on_headers_complete(self) -> None:
        """The head is whole; one that is too long is answered in the application's place."""
        self._awaited = _Awaited.BODY
        received, self._head_bytes = self._head_bytes + self._new_bytes, 0
        # What came in all is a bound; the head is measured only where more came than a head may have.
        if received > self.max_head_bytes and self._head_size() > self.max_head_bytes:
            self._answer_instead(self._answer_too_large, "head_too_large")
            return
        hosts = [name for name, _ in self.headers].count(b"host")
        # RFC 9112 section 3.2. A proxy that takes another one of two for its own would ask us for its neighbour.
        if hosts != 1 and (hosts or self.parser.get_http_version() != "1.0"):
            self._answer_instead(self._answer_without_host, "malformed")
        elif self.parser.should_upgrade():
            self._answer_upgrade()
        else:
            super().on_headers_complete()

    def _answer_upgrade(self) -> None:
        """Answer as if nothing had been said of another protocol, and close.

        The parser ends such a request with its head and drops what came with it. So its body, or that of a request that
        was dropped, would be read as the next request, which a proxy never saw (request smuggling).
        """
        if self._has_body():
            self._answer_instead(self._answer_upgrade_with_body, "malformed")
            return
        super().on_headers_complete()
        # The application runs later, so its answer says that the connection closes.
        self.cycle.keep_alive = False

    def _answer_instead(self, application: Any, reason: str) -> None:
        self.counts.refused[reason] += 1
        usual, self.app = self.app, application
        super().on_headers_complete()
        self.app = usual

    def _has_body(self) -> bool:
        return any(
            name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0"))
            for name, value in self.headers
        )

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._awaited = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is whole; one to `HEAD` has no body that would have taken its head along."""
        self._one_write.flush()
        super().on_response_complete()

    async def _answer_too_large(self, _scope: object, _receive: object, send: Send) -> None:
        body = _problem(431, "Request Header Fields Too Large", HEADERS_TOO_LARGE, self._too_large())
        await self._answer(431, body, send)

    async def _answer_without_host(self, _scope: object, _receive: object, send: Send) -> None:
        detail = "The header Host is missing, or there are several. Send it once, as HTTP/1.1 demands."
        await self._answer(400, _problem(400, "Bad Request", INVALID_REQUEST, detail), send)

    async def _answer_upgrade_with_body(self, _scope: object, _receive: object, send: Send) -> None:
        detail = "A request with a body cannot ask for another protocol. Send it without the header Upgrade."
        await self._answer(400, _problem(400, "Bad Request", INVALID_REQUEST, detail), send)

    async def _answer(self, status: int, body: bytes, send: Send) -> None:
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"connection", b"close"),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def send_400_response(self, msg: str) -> None:
        """What cannot be parsed as HTTP is told so in the form that all our errors have."""
        del msg
        self.counts.refused["malformed"] += 1
        self._refuse(
            400,
            "Bad Request",
            INVALID_REQUEST,
            "This is not a well-formed HTTP/1.1 request; nothing was done.",
        )

    def _too_large(self) -> str:
        return (
            f"The request line and headers are too long together. Send at most {self.max_head_bytes} bytes."
        )

    def _keep_idle_clock(self) -> None:
        """Start the clock of an idle connection again, which any byte stops and only an answer would start.

        The rest of a body whose request was refused early, or an empty line, would hold the connection without an end.
        """
        if self.cycle.response_complete and not self.transport.is_closing():
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _set_timer(self, *, at_most: float = float("inf")) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timed = self._awaited
        if self._awaited is not None:
            seconds = (
                self.head_timeout_seconds if self._awaited is _Awaited.HEAD else self.body_timeout_seconds
            )
            seconds = min(seconds, at_most)
            self._timer = self.loop.call_later(seconds, self._timed_out, self._awaited, seconds)

    def _timed_out(self, awaited: "_Awaited", seconds: float) -> None:
        self._timer = None
        if awaited is _Awaited.HEAD and self._head_bytes == 0:
            # Nothing was asked, so nothing is answered: browsers open connections ahead of need.
            self.counts.refused["silent"] += 1
            self.transport.close()
            return
        self.counts.refused[f"{awaited.value}_timeout"] += 1
        detail = f"The {awaited.value} of the request did not arrive within {seconds:g} seconds. Send it in one go."
        self._refuse(408, "Request Timeout", REQUEST_TIMEOUT, detail)

    def _refuse(self, status: int, title: str, code: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        body = _problem(status, title, code, detail)
        head = _PROBLEM.format(status=status, title=title, length=len(body))
        self.transport.write(head.encode() + body)
        self.transport.close()


def _problem(status: int, title: str, code: str, detail: str) -> bytes:
    problem = Problem(
        type=f"urn:tokenward:error:{code}", title=title, status=status, code=code, detail=detail
    )
    return msgspec.json.encode(problem)


def limited(
    *,
    max_head_bytes: int,
    head_timeout_seconds: float,
    body_timeout_seconds: float,
    draining: Draining | None = None,
    counts: ConnectionCounts | None = None,
) -> type[LimitedConnection]:
    """The connection class with these limits, for the server program to make connections of.

    `draining` is what tells connections that the server stops; `counts` is where they are counted.
    """
    return type(
        "LimitedConnection",
        (LimitedConnection,),
        {
            "max_head_bytes": max_head_bytes,
            "head_timeout_seconds": head_timeout_seconds,
            "body_timeout_seconds": body_timeout_seconds,
            "draining": draining or Draining(),
            "counts": counts or ConnectionCounts(),
        },
    )
