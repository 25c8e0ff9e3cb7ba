"""Our errors as HTTP: RFC 9457 problem documents with a stable `code`. The only place that knows both."""

from http import HTTPStatus

import msgspec

from tokenward.errors import Error
from tokenward.protocol.errors import INVALID_CREDENTIALS, INVALID_TOKEN, MISSING_TOKEN
from tokenward.server.endpoints.messages import PROBLEM_JSON, Header, Response
from tokenward.tokens.bearer import challenge

# A browser is told to ask again by nothing but this header, so it names the scheme and no reason (RFC 6750, 3.1).
REALM = "tokenward"


class NotFound(Error):
    """There is nothing at this path."""

    code = "not_found"
    status = 404
    description = "There is nothing at this path. The paths are listed in the documentation."


class MethodNotAllowed(Error):
    """The path exists, but not for this method."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This path does not take this method. It takes: {allowed}.")
        self.allowed = allowed


class ServerError(Error):
    """Something unforeseen; the log has it under the request id."""

    code = "server_error"
    status = 500
    description = (
        "The server failed on this request. Try again; if it stays, give the operator the request id."
    )


class Problem(msgspec.Struct):
    """An error (RFC 9457). Compare `code`, which is stable; `detail` is for people.

    `request_id` is missing in what is refused before it is a request: a head that is too long, too slow or not HTTP.
    """

    type: str
    title: str
    status: int
    code: str
    detail: str
    request_id: str | msgspec.UnsetType = msgspec.UNSET


def problem(error: Error, request_id: str) -> Response:
    """The answer for an error. Its private `reason` is not in it."""
    body = msgspec.json.encode(
        Problem(
            type=f"urn:tokenward:error:{error.code}",
            title=HTTPStatus(error.status).phrase,
            status=error.status,
            code=error.code,
            detail=error.description,
            request_id=request_id,
        )
    )
    return Response(error.status, body, PROBLEM_JSON, ((b"cache-control", b"no-store"), *_headers(error)))


def _headers(error: Error) -> tuple[Header, ...]:
    if error.code in (MISSING_TOKEN, INVALID_CREDENTIALS):
        return ((b"www-authenticate", challenge(realm=REALM).encode()),)
    if error.code == INVALID_TOKEN:
        value = challenge(realm=REALM, error=INVALID_TOKEN, error_description=error.description)
        return ((b"www-authenticate", value.encode()),)
    if isinstance(error, MethodNotAllowed):
        return ((b"allow", error.allowed.encode()),)
    retry_after = getattr(error, "retry_after_seconds", None)
    if retry_after is not None:
        return ((b"retry-after", str(retry_after).encode()),)
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return ((b"retry-after", b"1"),)
    if error.status in (HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.REQUEST_ENTITY_TOO_LARGE):
        # What is left of the body is not read, so the connection cannot be used again.
        return ((b"connection", b"close"),)
    return ()
