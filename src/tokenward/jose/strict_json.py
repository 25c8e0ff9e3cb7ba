"""JSON objects, read so that no two programs can disagree about what they say (RFC 8259, RFC 7493).

Strict UTF-8 without a byte order mark, no member named twice at any depth (also not by an escape), no NaN or
infinity, integers of 64 bits, bounded size, depth and number of members, nothing after the object. A gateway
and an API that read different meanings out of one token are a way around the gateway.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final, NoReturn

import msgspec

from tokenward.errors import Error

MAX_DEPTH: Final = 32
MAX_MEMBERS: Final = 512

_MAX_NUMBER_LENGTH: Final = 40
_SMALLEST_INTEGER: Final = -(2**63)
LARGEST_INTEGER: Final = 2**63 - 1

# What the fast parser takes: values whose integers have 64 bits, nested as deep as ordinary claims are. The
# parser checks types while it parses, so this costs nothing; a schema cannot be recursive, so each level is
# written out.
_FAST_DEPTH: Final = 5
_scalar: Any = (
    str | Annotated[int, msgspec.Meta(ge=_SMALLEST_INTEGER, le=LARGEST_INTEGER)] | float | bool | None
)
_value: Any = _scalar
for _ in range(_FAST_DEPTH - 1):
    _value = _scalar | list[_value] | dict[str, _value]

_decode: Final[Callable[[bytes], dict[str, Any]]] = msgspec.json.Decoder(dict[str, _value]).decode
_encode: Final = msgspec.json.Encoder().encode


class StrictJSONError(Error):
    """The bytes are not one strict JSON object. `reason` says in which way."""

    code = "invalid_json"
    status = 400
    description = "This is not a JSON object in UTF-8 that names each member once."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


def decode_object(
    data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH, max_members: int = MAX_MEMBERS
) -> dict[str, Any]:
    """Return the JSON object that `data` spells.

    What the members mean, and whether control characters may stand in a string, is the caller's to check.

    Args:
        data: the JSON text.
        max_bytes: the longest text to look at.
        max_depth: how many objects and arrays may stand inside each other; the outermost counts.
        max_members: how many members and elements all objects and arrays together may have.

    Raises:
        StrictJSONError: for anything else than a strict object within the limits.
    """
    if len(data) > max_bytes:
        raise StrictJSONError("too_large")
    if max_depth >= _FAST_DEPTH:
        try:
            fast = _decode(data)
            # A text that comes out of the encoder again letter by letter names no member twice: the encoder
            # cannot write that. Compact or with a space after each colon and comma is what programs send, and
            # this costs a tenth of a parser that watches for duplicates.
            written = _encode(fast)
            if written == data or msgspec.json.format(written, indent=0) == data:
                # The shortest element of an array takes two bytes, so a short text cannot have too many.
                if len(data) > 2 * max_members:
                    _check_limits(fast, max_depth, max_members)
                return fast
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            pass  # The slow parser has the last word, and says what is wrong.
    value = _decode_slowly(data)
    if type(value) is not dict:
        raise StrictJSONError("not_an_object")
    _check_limits(value, max_depth, max_members)
    _check_strings(value)
    return value


def _check_limits(value: dict[str, Any] | list[Any], depth: int, members: int) -> int:
    """Refuse an object that is deeper, larger or has larger integers than allowed; return the members left.

    Whatever comes later can recurse into the object, and store and compare its integers.
    """
    if depth == 0:
        raise StrictJSONError("too_deep")
    members -= len(value)
    if members < 0:
        raise StrictJSONError("too_many_members")
    items: Iterable[Any] = value.values() if type(value) is dict else value
    for item in items:
        kind = type(item)
        if kind is str:
            continue
        if kind is int:
            if not _SMALLEST_INTEGER <= item <= LARGEST_INTEGER:
                raise StrictJSONError("number_out_of_range")
        elif kind is dict or kind is list:
            members = _check_limits(item, depth - 1, members)
    return members


def _decode_slowly(data: bytes) -> Any:
    """Parse any text there is, and watch for members named twice."""
    # Imported here, since it takes long and few texts come this way.
    import json

    try:
        text = data.decode("utf-8")
        return json.loads(
            text,
            object_pairs_hook=_object_of_unique_members,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_finite_float,
        )
    except (ValueError, RecursionError):
        pass  # Some of these hold the whole text. What is raised below does not lead to them, as it would here.
    raise StrictJSONError("malformed")


def _check_strings(value: Any) -> None:
    """Refuse the escape of half a surrogate pair: it makes a string that no later `.encode()` survives.

    The depth must have been checked before: each string passes through one generator for each object around it, so
    that a few kilobytes of brackets would cost as much as ten thousand tokens.
    """
    try:
        for string in _strings(value):
            string.encode("utf-8")
    except UnicodeEncodeError:
        pass  # As above.
    else:
        return
    raise StrictJSONError("malformed")


def _strings(value: Any) -> Iterator[str]:
    if type(value) is str:
        yield value
    elif type(value) is dict:
        for name, member in value.items():
            yield name
            yield from _strings(member)
    elif type(value) is list:
        for member in value:
            yield from _strings(member)


def _object_of_unique_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise StrictJSONError("duplicate_member")
    return value


def _refuse_constant(_literal: str) -> NoReturn:
    raise StrictJSONError("not_finite")


def _integer(literal: str) -> int:
    if len(literal) > _MAX_NUMBER_LENGTH:
        raise StrictJSONError("number_out_of_range")
    return int(literal)


def _finite_float(literal: str) -> float:
    if len(literal) > _MAX_NUMBER_LENGTH:
        raise StrictJSONError("number_out_of_range")
    value = float(literal)
    underflowed = value == 0.0 and literal.lower().partition("e")[0].strip("-0.") != ""
    if underflowed or not math.isfinite(value):
        raise StrictJSONError("number_out_of_range")
    return value
