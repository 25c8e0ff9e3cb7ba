"""Which problem documents an operation can answer, beyond those it names itself."""

from collections.abc import Iterator

from tokenward.protocol.errors import (
    BODY_TOO_LARGE,
    ERROR_CODES,
    HEADERS_TOO_LARGE,
    INSUFFICIENT_ROLE,
    INVALID_CREDENTIALS,
    INVALID_JSON,
    INVALID_REQUEST,
    INVALID_TOKEN,
    MISSING_TOKEN,
    RATE_LIMITED,
    REQUEST_TIMEOUT,
    SERVER_ERROR,
    STORAGE_UNAVAILABLE,
    UNKNOWN_MEMBER,
    UNSUPPORTED_MEDIA_TYPE,
    ErrorCode,
)
from tokenward.server.endpoints.documentation.described import Access, Operation

CHALLENGES = frozenset({MISSING_TOKEN, INVALID_TOKEN, INVALID_CREDENTIALS})
"""The codes with a `WWW-Authenticate` header."""

BEFORE_IT_IS_A_REQUEST = frozenset({REQUEST_TIMEOUT, HEADERS_TOO_LARGE})
"""Codes of the connection: their answers have no request id."""


def refusals(operation: Operation) -> dict[int, list[ErrorCode]]:
    """The codes that an operation can answer, by status, both in ascending order.

    An existing operation never answers 405: that is for a method which the path does not have.
    """
    by_status: dict[int, list[ErrorCode]] = {}
    for code in sorted(set(_codes(operation))):
        entry = ERROR_CODES[code]
        by_status.setdefault(entry.status, []).append(entry)
    return dict(sorted(by_status.items()))


def _codes(operation: Operation) -> Iterator[str]:
    yield from operation.refuses
    # A token in the URL, an address of a proxy that cannot be read, what is not HTTP; and what the connection refuses.
    yield from (INVALID_REQUEST, REQUEST_TIMEOUT, HEADERS_TOO_LARGE, SERVER_ERROR)
    if operation.body is not None:
        yield from (INVALID_JSON, UNKNOWN_MEMBER, BODY_TOO_LARGE, UNSUPPORTED_MEDIA_TYPE)
    if operation.access is not Access.ANYBODY:
        yield from (MISSING_TOKEN, INVALID_TOKEN)
    if operation.access is Access.ADMIN:
        yield INSUFFICIENT_ROLE
    if operation.access is not Access.ANYBODY or operation.body is not None:
        yield STORAGE_UNAVAILABLE


def headers_of_refusal(codes: list[ErrorCode]) -> list[str]:
    """The headers that each of these refusals, which have one status, carries."""
    names = ["Cache-Control"]
    if not BEFORE_IT_IS_A_REQUEST.intersection(entry.code for entry in codes):
        names.append("X-Request-Id")
    if all(entry.code in CHALLENGES for entry in codes):
        names.append("WWW-Authenticate")
    if all(entry.code == RATE_LIMITED or entry.status == 503 for entry in codes):
        names.append("Retry-After")
    return names
