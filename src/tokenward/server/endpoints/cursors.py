"""Cursors: where a page ended, in a form that tells clients nothing to build on."""

from typing import Annotated, TypeVar

import msgspec

from tokenward.errors import Error, InvalidRequest
from tokenward.jose import base64url

T = TypeVar("T")

Place = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number in a cursor, of those that a column can hold: it may come from anybody."""

# The longest place is a login of 254 characters, each of at most four bytes, in quotes.
_LONGEST = 1400


def encode_cursor(kind: str, place: object) -> str:
    """The cursor for a place in the list `kind`; `place` is a string, a number or a tuple of them.

    A list has its own `kind`, a letter or two, so that the cursor of one means nothing to another.
    """
    return base64url.encode(msgspec.json.encode((kind, place))).decode()


def read_cursor(cursor: str | None, kind: str, place_type: type[T]) -> T | None:
    """The place of a cursor that came with a request for the list `kind`; `None` without one.

    Raises:
        InvalidRequest: it is no cursor of this list.
    """
    if cursor is None:
        return None
    try:
        if len(cursor) > _LONGEST:
            raise ValueError(cursor[:0])
        found, place = msgspec.json.decode(base64url.decode(cursor.encode()), type=tuple[str, msgspec.Raw])
        if found != kind:
            raise ValueError(found[:0])
        return msgspec.json.decode(place, type=place_type)
    except (Error, ValueError, msgspec.DecodeError):
        msg = "`cursor` must be the `next_cursor` of an earlier page of the same list."
        raise InvalidRequest(msg, reason="cursor") from None
