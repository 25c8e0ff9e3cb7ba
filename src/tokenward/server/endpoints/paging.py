"""`?limit=` and `?cursor=` of every list, and the list's own form."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Generic, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import msgspec
from msgspec import Meta

from tokenward.errors import InvalidRequest
from tokenward.server.endpoints.messages import Request, Response, json_response

DEFAULT_LIMIT = 50
MOST_IN_A_PAGE = 200
_MOST_FIELDS = 20


T = TypeVar("T")

Cursor = Annotated[
    str,
    Meta(
        description="The `next_cursor` of an earlier page of the same list, as it came.",
        extra_json_schema={"pattern": "^[A-Za-z0-9_.-]+$"},
    ),
]


class PageQuery(msgspec.Struct):
    """The query of a list, as it is described; `read_paging` reads it. A list with filters has one under this."""

    limit: Annotated[
        int,
        Meta(
            description="How many items there may be on the page.",
            extra_json_schema={"minimum": 1, "maximum": MOST_IN_A_PAGE},
        ),
    ] = DEFAULT_LIMIT
    cursor: Cursor | msgspec.UnsetType = msgspec.UNSET


class Page(msgspec.Struct, Generic[T]):
    """Items, and the cursor of the next page, which is `null` at the end."""

    items: list[T]
    next_cursor: str | None


class Paging(NamedTuple):
    """Which page is asked for: at most `limit` items beyond the cursor `after`, of those that the filters name."""

    after: str | None
    limit: int
    filters: Mapping[str, str] = {}


def read_paging(request: Request, *filters: str) -> Paging:
    """What the query says. `filters` names the parameters that this list takes besides `limit` and `cursor`.

    The values of filters are given as they came; what they mean is not checked here.

    Raises:
        InvalidRequest: an unknown parameter, one of them twice, or a limit out of bounds.
    """
    try:
        pairs = parse_qsl(
            request.query.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(request.query),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        msg = "The query is not well formed. Send ?limit=…&cursor=…, percent-encoded from UTF-8."
        raise InvalidRequest(msg, reason="malformed query") from None
    given = dict(pairs)
    known = ("limit", "cursor", *filters)
    if len(given) != len(pairs) or not given.keys() <= set(known):
        msg = f"This list takes the parameters {', '.join(known)}, each once."
        raise InvalidRequest(msg, reason="unknown or repeated query parameter")
    chosen = {name: given[name] for name in filters if name in given}
    return Paging(given.get("cursor"), _read_limit(given.get("limit", str(DEFAULT_LIMIT))), chosen)


def list_response(items: Iterable[object], next_cursor: str | None) -> Response:
    """A page: `items`, and the `next_cursor` to ask for the next one with, or `null` at the end."""
    return json_response(Page(list(items), next_cursor))


def _read_limit(text: str) -> int:
    # `int` would take spaces, signs, underscores and digits of other scripts.
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else 0
    if not 1 <= limit <= MOST_IN_A_PAGE:
        msg = f"`limit` must be from 1 to {MOST_IN_A_PAGE}."
        raise InvalidRequest(msg, reason="limit")
    return limit
