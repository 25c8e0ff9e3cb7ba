"""The ASGI door: from path and method to a plain function, and one place where anything may be raised."""

import os
import traceback
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from typing import NamedTuple, TypeAlias

from tokenward.clock import Clock
from tokenward.errors import Error
from tokenward.protocol.errors import (
    INSUFFICIENT_ROLE,
    INVALID_CREDENTIALS,
    INVALID_GRANT,
    INVALID_TOKEN,
    MISSING_TOKEN,
    OVERLOADED,
    RATE_LIMITED,
)
from tokenward.server.endpoints.client_address import UNIX_PEER, UNREADABLE, X_FORWARDED_FOR, client_address
from tokenward.server.endpoints.cors import Cors
from tokenward.server.endpoints.error_responses import MethodNotAllowed, NotFound, ServerError, problem
from tokenward.server.endpoints.messages import (
    ClientGone,
    Handler,
    Header,
    Receive,
    Request,
    Response,
    Scope,
    Send,
)
from tokenward.server.endpoints.paths import Paths
from tokenward.server.endpoints.security import check_no_secret_in_query
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.observation.events import Event, class_of_refused_token

Routes: TypeAlias = Mapping[str, Mapping[str, Handler]]

# Refusals that a security engineer looks for afterwards; each is a line with its true reason.
_SECURITY_CODES = frozenset(
    {INSUFFICIENT_ROLE, INVALID_CREDENTIALS, INVALID_GRANT, INVALID_TOKEN, RATE_LIMITED}
)

# Reasons that an operator must see whatever the caller is told: a copied token was used; the database lost commits; a
# proxy passes on addresses that cannot be read.
_ALARMS: Mapping[str, tuple[Event, str]] = {
    "session.reuse_detected": ("session.reuse_detected", "warning"),
    "storage.rolled_back": ("storage.rolled_back", "error"),
    UNREADABLE: ("proxy.address_unreadable", "warning"),
}


# A 204 has no body, and in a 304 it would be taken for the length of the document that did not change (RFC 9110
# section 8.6).
_WITHOUT_LENGTH = (204, 304)


class DoorPolicy(NamedTuple):
    """What the door needs of the settings."""

    max_body_bytes: int
    headers: tuple[Header, ...]
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...]
    access_log: bool
    slow_request_seconds: float
    proxy_header: bytes = X_FORWARDED_FOR
    # Only where pages of other origins are let in; nothing is looked at for it otherwise.
    cors: Cors | None = None


class Door:
    """The ASGI application of the server."""

    def __init__(
        self, *, routes: Routes, policy: DoorPolicy, clock: Clock, log: Log, metrics: Metrics
    ) -> None:
        self._paths = Paths(routes)
        self._policy = policy
        self._clock = clock
        self._log = log
        self._metrics = metrics
        # A request id has to be unique and nothing more, so a counter behind a random start does.
        self._id_prefix = os.urandom(6).hex()
        self._requests = 0
        self._overload_told_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request; close a WebSocket at once; leave the lifespan to whoever started us."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})
            return
        started = self._clock.monotonic()
        self._requests += 1
        request_id = f"{self._id_prefix}-{self._requests:x}"
        request = Request(scope, receive, request_id, self._policy.max_body_bytes)
        match = self._paths.find(request.path)
        # A path that a client made up, or an id in it, would be a label of its own for every probe.
        route, methods = "(unknown)", None
        if match is not None:
            route, methods, request.parameters = match
        self._metrics.in_flight += 1
        try:
            response = await self._answer(request, methods, route)
            if response is not None:
                await self._send(send, response, request)
                self._tell(request, route, response.status, self._clock.monotonic() - started)
        finally:
            self._metrics.in_flight -= 1

    async def _send(self, send: Send, response: Response, request: Request) -> None:
        body = response.body
        headers = [
            *(self._policy.headers if response.policy is None else response.policy),
            (b"content-type", response.content_type),
            (b"x-request-id", request.id.encode()),
            *response.headers,
        ]
        if self._policy.cors is not None:
            headers += self._policy.cors.headers(request)
        if response.status not in _WITHOUT_LENGTH:
            headers.append((b"content-length", b"%d" % len(body)))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _answer(
        self, request: Request, methods: Mapping[str, Handler] | None, route: str
    ) -> Response | None:
        policy = self._policy
        try:
            if policy.trusted_proxies or request.address == UNIX_PEER:
                request.address = client_address(
                    request.address, request.headers, policy.trusted_proxies, policy.proxy_header
                )
            if request.query:
                check_no_secret_in_query(request.query)
            if policy.cors is not None and methods is not None:
                preflight = policy.cors.preflight(request, methods)
                if preflight is not None:
                    return preflight
            return await _find_handler(request, methods)(request)
        except Error as error:
            self._log_refusal(request, route, error)
            return problem(error, request.id)
        except ClientGone:
            return None
        except Exception as error:  # noqa: BLE001 - the one door: whatever it was, the client gets an answer
            # The message of a foreign exception may hold what a client sent; its kind and place do not.
            place = traceback.extract_tb(error.__traceback__)[-1]
            self._metrics.count_error(ServerError.code)
            self._log.event(
                "error",
                level="error",
                request_id=request.id,
                path=route,
                error=type(error).__name__,
                place=f"{place.name}:{place.lineno}",
            )
            return problem(ServerError(), request.id)

    def _log_refusal(self, request: Request, route: str, error: Error) -> None:
        self._metrics.count_error(error.code)
        if error.code in (INVALID_TOKEN, MISSING_TOKEN):
            self._metrics.count_token_refused(class_of_refused_token(error))
        event, level = _ALARMS.get(error.reason, (None, None))
        if event is not None:
            self._metrics.count_event(event)
        elif error.code not in _SECURITY_CODES and error.status < 500:
            return
        if error.code == OVERLOADED:
            # A storm is refused hundreds of times a second: one line a second tells it, and the counter how often.
            if self._clock.monotonic() < self._overload_told_until:
                return
            self._overload_told_until = self._clock.monotonic() + 1
        self._log.event(
            event or "refused",
            level=level or ("error" if error.status >= 500 else "info"),
            code=error.code,
            reason=error.reason,
            request_id=request.id,
            path=route,
            address=request.address,
        )

    def _tell(self, request: Request, route: str, status: int, seconds: float) -> None:
        self._metrics.count_answer(route, status, seconds)
        if seconds >= self._policy.slow_request_seconds:
            self._log.event(
                "slow_request", level="warning", request_id=request.id, path=route, ms=round(seconds * 1000)
            )
        if self._policy.access_log:
            self._log.event(
                "access",
                request_id=request.id,
                method=request.method,
                path=route,
                status=status,
                ms=round(seconds * 1000, 1),
                address=request.address,
            )


def _find_handler(request: Request, methods: Mapping[str, Handler] | None) -> Handler:
    if methods is None:
        raise NotFound
    handler = methods.get("GET" if request.method == "HEAD" else request.method)
    if handler is None:
        raise MethodNotAllowed(", ".join(methods))
    return handler
