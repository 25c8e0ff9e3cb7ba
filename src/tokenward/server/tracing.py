"""Traces with OpenTelemetry: the kinds of door, storage, hasher, issuer and log that tell what they do.

Loaded only where the setting `tracing` is true: the plain kinds know nothing of it, so what is switched off costs
nothing. Owns which spans there are and what stands in them. Does not own where they go: that is said to the
OpenTelemetry SDK, by the operator. In a span stand the route and never the path, query, body, token, name or address.
"""

import contextlib
from collections.abc import Iterator, Mapping

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tokenward import __version__
from tokenward.errors import Error
from tokenward.server.accounts.application_claims import AddedClaims
from tokenward.server.accounts.password_hasher import PasswordHasher, Verified
from tokenward.server.endpoints.client_address import UNIX_PEER
from tokenward.server.endpoints.door import Door
from tokenward.server.endpoints.messages import Handler, Header, Receive, Request, Response, Scope, Send
from tokenward.server.endpoints.security import is_within
from tokenward.server.observation.log import Log
from tokenward.server.sessions.sessions import Refreshed
from tokenward.server.storage.sqlite import SQLiteStorage
from tokenward.server.storage.units import Outcome, Unit
from tokenward.server.token_issuer import TokenIssuer, TokenResponse

# What a client may make up is folded into one (semantic conventions for HTTP spans).
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "_OTHER"
_UNKNOWN_ROUTE = "(unknown)"

_TRACER = trace.get_tracer("tokenward", __version__)
# Of the W3C's headers only these: baggage may hold anything, and nothing here asks for it.
_PROPAGATOR = TraceContextTextMapPropagator()
_PROPAGATED = (b"traceparent", b"tracestate")


def goes_nowhere() -> bool:
    """Whether no OpenTelemetry SDK was set up in this process, so that every span is dropped."""
    return isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)


class TracedDoor(Door):
    """The door with a span around each request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As the door does, in a span of kind server."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        given = _given_context(scope["headers"])
        trusted = self._trusts(scope)
        method = scope["method"] if scope["method"] in _METHODS else _OTHER_METHOD
        with _TRACER.start_as_current_span(
            method if method != _OTHER_METHOD else "HTTP",
            # A context of nobody's, so that what was current when the connection was made is no parent.
            context=given if trusted and given is not None else Context(),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.scheme": scope.get("scheme", "http")},
            links=() if trusted or given is None else (_link(given),),
            # The text of an exception may hold what a client sent.
            record_exception=False,
            set_status_on_exception=False,
        ):
            await super().__call__(scope, receive, send)

    def _trusts(self, scope: Scope) -> bool:
        """Whether the peer may say which trace this belongs to, and whether it is sampled.

        Anybody else could have every request of theirs kept, or none (trace flooding and hiding).
        """
        peer = scope["client"][0] if scope["client"] else ""
        return peer == UNIX_PEER or is_within(peer, self._policy.trusted_proxies)

    async def _answer(
        self, request: Request, methods: Mapping[str, Handler] | None, route: str
    ) -> Response | None:
        span = trace.get_current_span()
        span.set_attribute("tokenward.request_id", request.id)
        if route != _UNKNOWN_ROUTE:
            span.set_attribute("http.route", route)
            if request.method in _METHODS:
                span.update_name(f"{request.method} {route}")
        response = await super()._answer(request, methods, route)
        if response is not None:
            span.set_attribute("http.response.status_code", response.status)
            if response.status >= 500:
                span.set_attribute("error.type", str(response.status))
                span.set_status(StatusCode.ERROR)
        return response

    def _log_refusal(self, request: Request, route: str, error: Error) -> None:
        trace.get_current_span().set_attribute("tokenward.error_code", error.code)
        super()._log_refusal(request, route, error)


class TracedStorage(SQLiteStorage):
    """The storage with a span for each unit that a request waits for."""

    async def apply(self, unit: Unit) -> Outcome:
        """See `Storage.apply`."""
        with _step("storage.commit") as span:
            span.set_attribute("db.system.name", "sqlite")
            span.set_attribute("tokenward.unit", unit.name)
            outcome = await super().apply(unit)
            span.set_attribute("tokenward.applied", outcome.applied)
            return outcome


class TracedHasher(PasswordHasher):
    """The hasher with a span for each password; its attributes tell waiting from hashing, in seconds."""

    async def hash(self, password: str) -> str:
        """See `PasswordHasher.hash`."""
        with _step("password.hash"):
            return await super().hash(password)

    async def verify(self, password: str, password_hash: str | None, *, typed: str | None = None) -> Verified:
        """See `PasswordHasher.verify`."""
        with _step("password.verify"):
            return await super().verify(password, password_hash, typed=typed)

    def _note(self, waited: float, hashed: float) -> None:
        super()._note(waited, hashed)
        span = trace.get_current_span()
        span.set_attribute("tokenward.wait_seconds", waited)
        span.set_attribute("tokenward.hash_seconds", hashed)


class TracedTokenIssuer(TokenIssuer):
    """The issuer with a span for each access token."""

    def issue(self, refreshed: Refreshed, added: AddedClaims | None = None) -> TokenResponse:
        """See `TokenIssuer.issue`."""
        with _step("access_token.issue") as span:
            span.set_attribute("tokenward.alg", self._ring.signing_key(self._algorithm).alg)
            return super().issue(refreshed, added)


class TracedLog(Log):
    """The log whose lines name the trace that they belong to."""

    def _encode(self, name: str, level: str, fields: dict[str, object]) -> bytes:
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            fields = fields | {
                "trace_id": trace.format_trace_id(context.trace_id),
                "span_id": trace.format_span_id(context.span_id),
            }
        return super()._encode(name, level, fields)


@contextlib.contextmanager
def _step(name: str) -> Iterator[Span]:
    """A span within a request. What the server does by itself is no request, and gets none."""
    if not trace.get_current_span().get_span_context().is_valid:
        yield trace.INVALID_SPAN
        return
    with _TRACER.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as span:
        yield span


def _given_context(headers: list[Header]) -> Context | None:
    """The trace context that a request brought, or none."""
    found = {name: [value for given, value in headers if given == name] for name in _PROPAGATED}
    if len(found[b"traceparent"]) != 1:
        return None
    carrier = {name.decode(): values[0].decode("latin-1") for name, values in found.items() if values}
    context = _PROPAGATOR.extract(carrier, Context())
    return context if trace.get_current_span(context).get_span_context().is_valid else None


def _link(context: Context) -> Link:
    """A link with the two ids only: `tracestate` is text of any meaning, and of up to thousands of characters."""
    given = trace.get_current_span(context).get_span_context()
    return Link(SpanContext(given.trace_id, given.span_id, is_remote=True, trace_flags=given.trace_flags))
