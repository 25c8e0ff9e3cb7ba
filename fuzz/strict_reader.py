"""A second reader of strict JSON, written for nothing but to agree with `decode_object`: slow, and made otherwise."""

import json
import math
from decimal import Decimal
from typing import Any

from tokenward.jose.strict_json import MAX_DEPTH, MAX_MEMBERS


class _RefusedError(Exception):
    pass


def read_strictly(data: bytes) -> dict[str, Any] | None:
    """Return the object that `data` spells by the rules of RFC 8259 and ours, None when it breaks one."""
    try:
        value = json.loads(
            data.decode("utf-8", "strict"),
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_constant,
        )
        if type(value) is not dict or _count(value, 1) > MAX_MEMBERS:
            return None
    except (ValueError, RecursionError, _RefusedError):
        return None
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if any(name in names[:at] for at, name in enumerate(names)):
        raise _RefusedError
    return dict(pairs)


def _integer(literal: str) -> int:
    if len(literal) > 40 or not -(1 << 63) <= int(literal) < 1 << 63:
        raise _RefusedError
    return int(literal)


def _float(literal: str) -> float:
    if len(literal) > 40:
        raise _RefusedError
    value = float(literal)
    if math.isinf(value):
        raise _RefusedError
    mantissa = Decimal(literal.lower().partition("e")[0])
    if value == 0.0 and mantissa != 0:
        raise _RefusedError
    return value


def _constant(_literal: str) -> None:
    raise _RefusedError


def _count(value: Any, depth: int) -> int:
    """Return how many members and elements `value` has at all depths."""
    if isinstance(value, str):
        value.encode("utf-8", "strict")
        return 0
    if not isinstance(value, dict | list):
        return 0
    if depth > MAX_DEPTH:
        raise _RefusedError
    inner = value if isinstance(value, list) else [*value.keys(), *value.values()]
    return len(value) + sum(_count(item, depth + 1) for item in inner)
