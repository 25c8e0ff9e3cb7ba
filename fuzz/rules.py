"""What claims must be, read out of the RFCs once more: slow, and written otherwise than `tokenward.jose.claims`."""

import unicodedata
from collections.abc import Callable
from typing import Any, Final


def is_time(value: Any) -> bool:
    """Say whether a claim is a NumericDate that ends before the year 10000."""
    return type(value) in (int, float) and 0 <= value <= 253402300799


def is_name(value: Any) -> bool:
    """Say whether a claim is text that is not empty and has no control characters."""
    return (
        isinstance(value, str) and value != "" and not any(unicodedata.category(one) == "Cc" for one in value)
    )


def is_list_of_texts(value: Any) -> bool:
    """Say whether a claim is a list of texts that are not empty."""
    return isinstance(value, list) and all(isinstance(one, str) and one != "" for one in value)


def is_audience(value: Any) -> bool:
    """Say whether a claim is a name or a list of names."""
    return is_name(value) or (isinstance(value, list) and value != [] and all(map(is_name, value)))


def is_scope(value: Any) -> bool:
    """Say whether a claim is a scope in the form of RFC 6749 section 3.3, or empty."""
    if not isinstance(value, str):
        return False
    return value == "" or all(
        part and all(0x21 <= ord(one) <= 0x7E and one not in '"\\' for one in part)
        for part in value.split(" ")
    )


KINDS: Final[dict[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(("exp", "iat", "nbf", "auth_time"), is_time),
    **dict.fromkeys(("iss", "sub", "client_id", "jti", "sid", "acr"), is_name),
    **dict.fromkeys(("roles", "amr"), is_list_of_texts),
    "aud": is_audience,
    "scope": is_scope,
    "rsq": lambda value: type(value) is int and value >= 0,
}
