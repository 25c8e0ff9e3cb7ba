"""The members of a JWK that are bytes or numbers in base64url, read and written (RFC 7518 section 2)."""

from collections.abc import Mapping
from typing import Any, Final

from tokenward.errors import InvalidToken
from tokenward.jose import base64url
from tokenward.jose.key_strength import InvalidKey

# The longest that is ours is the public key of ML-DSA-87, of 2592 bytes.
_MAX_MEMBER_LENGTH: Final = 3456


def text(data: bytes) -> str:
    """Return `data` as it stands in a JWK."""
    return base64url.encode(data).decode("ascii")


def number_text(value: int) -> str:
    """Return a positive number as a Base64urlUInt: big-endian, in as few bytes as possible."""
    return text(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def read_bytes(jwk: Mapping[str, Any], name: str, *, length: int | None = None) -> bytes:
    """Return the bytes that the member `name` spells, which must be `length` many where that is given.

    Raises:
        InvalidKey: when the member is missing, no string, too long, or not canonical base64url.
    """
    value = jwk.get(name)
    if type(value) is not str or not value.isascii():
        raise InvalidKey(f"The JWK lacks `{name}`, or it is not a base64url string.")
    if len(value) > _MAX_MEMBER_LENGTH:
        raise InvalidKey(f"`{name}` of the JWK is too long.")
    try:
        data = base64url.decode(value.encode("ascii"))
    except InvalidToken:
        raise InvalidKey(f"`{name}` of the JWK is not canonical base64url.") from None
    if length is not None and len(data) != length:
        raise InvalidKey(f"`{name}` of the JWK has {len(data)} bytes; it must have {length}.")
    return data


def read_number(jwk: Mapping[str, Any], name: str) -> int:
    """Return the number that the member `name` spells as a Base64urlUInt.

    Raises:
        InvalidKey: as `read_bytes` does, and when it has more bytes than it needs.
    """
    data = read_bytes(jwk, name)
    if not data or data[0] == 0:
        raise InvalidKey(f"`{name}` of the JWK is empty or begins with a zero byte.")
    return int.from_bytes(data, "big")


def not_of_one_key() -> InvalidKey:
    """Return the error for a JWK whose public part belongs to another private part than the one beside it."""
    return InvalidKey("The public part of the JWK does not belong to its private part.")
