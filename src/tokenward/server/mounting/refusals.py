"""Errors of ours as the exceptions by which routes of Starlette and FastAPI refuse."""

from http import HTTPStatus
from typing import Any

from tokenward.errors import Error, InvalidToken
from tokenward.server.mounting.principal import ScopeMissing
from tokenward.tokens.bearer import MissingToken, challenge

# RFC 6455 section 7.4.1: the policy of this endpoint does not allow it.
_POLICY_VIOLATION = 1008


def refusal(error: Error, kind: str) -> Exception:
    """The exception to raise in a route; `kind` is that of the connection's scope. The private reason is not in it.

    A WebSocket is closed before it is accepted, which its client sees as 403. Where Starlette is not installed, the
    error itself.
    """
    try:
        from starlette.exceptions import HTTPException, WebSocketException
    except ImportError:
        return error
    if kind == "websocket":
        return WebSocketException(_POLICY_VIOLATION, error.description)
    return HTTPException(error.status, detail=error.description, headers=headers(error))


def headers(error: Error) -> dict[str, str]:
    """What an answer with this error carries (RFC 6750 section 3, RFC 9110 section 10.2.3)."""
    told: dict[str, Any] = {"Cache-Control": "no-store"}
    if isinstance(error, MissingToken):
        # Whoever sent no token is told the scheme and nothing else: a reason would say that one was looked at.
        told["WWW-Authenticate"] = challenge()
    elif isinstance(error, InvalidToken):
        told["WWW-Authenticate"] = challenge(error=error.code, error_description=error.description)
    elif isinstance(error, ScopeMissing):
        told["WWW-Authenticate"] = challenge(
            error=error.code, error_description=error.description, scope=error.scope
        )
    elif error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        told["Retry-After"] = "1"
    return told
