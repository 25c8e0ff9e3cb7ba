"""What registered claims must be: times, issuer, audience, and strings (RFC 7519 section 4.1).

A claim of the wrong type is refused and never taken as absent: an `exp` that cannot be read must not become
a token that lives for ever. Text is compared code point by code point, whole, in its case, and no pattern is
ever applied.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, TypeGuard, cast

from tokenward.errors import InvalidToken

LATEST_TIME: Final = 253402300799
"""The last second of the year 9999. A later time overflows somewhere; it is a mistake or an attack."""

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f]")


def check_times(claims: Mapping[str, Any], *, now: float, leeway: int) -> tuple[float, float]:
    """Check `exp`, which must be there, and `nbf` and `iat` where they are; return the window of validity.

    The window is the first moment at which the token is good and the first at which it is not, leeway
    included, so that a later look at the same token needs no second reading. A token has expired from
    `exp + leeway` on, that second included.

    Raises:
        InvalidToken: when a time is missing, is no number, or excludes `now`.
    """
    exp = check_time(claims, "exp")
    nbf = check_time(claims, "nbf") if "nbf" in claims else 0
    iat = check_time(claims, "iat") if "iat" in claims else 0
    valid_from = max(iat, nbf) - leeway
    valid_until = exp + leeway
    # Written so that a clock that tells NaN, for which every comparison is false, refuses.
    if not now < valid_until:
        raise InvalidToken(reason="expired", claim="exp")
    if not now >= nbf - leeway:
        raise InvalidToken(reason="not_yet_valid", claim="nbf")
    if not now >= valid_from:
        raise InvalidToken(reason="issued_in_the_future", claim="iat")
    return valid_from, valid_until


def check_lifetime(claims: Mapping[str, Any], max_seconds: int) -> None:
    """Check that the token was made for at most `max_seconds` from `iat`, which must be there, to `exp`.

    Raises:
        InvalidToken: when a time is missing or no number, or when the token lives longer.
    """
    if check_time(claims, "exp") - check_time(claims, "iat") > max_seconds:
        raise InvalidToken(reason="lifetime_too_long", claim="exp")


def check_time(claims: Mapping[str, Any], name: str) -> float:
    """Return a NumericDate: seconds since 1970 in UTC, whole or not. Null is a wrong type like any other.

    Raises:
        InvalidToken: when it is missing, no number, negative, or after the year 9999.
    """
    value: Any = claims.get(name)
    kind = type(value)
    # `True` is an int to Python and no number to JSON. The comparison is false for NaN.
    if (kind is int or kind is float) and 0 <= value <= LATEST_TIME:
        return cast("float", value)
    raise InvalidToken(reason="claim_not_a_time" if name in claims else "claim_missing", claim=name)


def check_issuer(claims: Mapping[str, Any], issuer: str) -> None:
    """Check that `iss` is exactly `issuer`.

    Raises:
        InvalidToken: when it is missing, no string, or anything else than `issuer`.
    """
    iss = claims.get("iss")
    if type(iss) is not str:
        raise InvalidToken(
            reason="claim_missing" if "iss" not in claims else "claim_not_a_string", claim="iss"
        )
    if iss != issuer:
        raise InvalidToken(reason="issuer_mismatch", claim="iss")


def check_audience(claims: Mapping[str, Any], audience: str) -> tuple[str, ...]:
    """Check that `aud`, a string or a list of strings, has exactly `audience` in it; return it as a tuple.

    Raises:
        InvalidToken: when it is missing, has a member that is no string or is empty, or lacks `audience`.
    """
    aud = claims.get("aud")
    if aud == audience:
        return (audience,)
    if type(aud) is str:
        members = (aud,)
    elif type(aud) is list and aud:
        members = tuple(aud)
    else:
        raise InvalidToken(
            reason="claim_missing" if "aud" not in claims else "claim_not_an_audience", claim="aud"
        )
    for member in members:
        # A list that holds anything but names was not made by a sane issuer, whatever else it holds.
        if not _is_name(member):
            raise InvalidToken(reason="claim_not_an_audience", claim="aud")
    if audience not in members:
        raise InvalidToken(reason="audience_mismatch", claim="aud")
    return members


def check_string(claims: Mapping[str, Any], name: str) -> str:
    """Check that the claim is a string that is not empty and has no control characters; return it.

    Raises:
        InvalidToken: when it is missing or anything else.
    """
    value = claims.get(name)
    # The first line is the fast way for what is usual.
    if type(value) is str and value.isprintable() and value:
        return value
    if not _is_name(value):
        raise InvalidToken(reason="claim_missing" if name not in claims else "claim_not_a_name", claim=name)
    return value


def _is_name(value: Any) -> TypeGuard[str]:
    # A string with a NUL or a line break in it is cut or split by the next program that writes it down.
    return type(value) is str and value != "" and _CONTROL.search(value) is None
