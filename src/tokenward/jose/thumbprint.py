"""The thumbprint of a JWK: a name that follows from the key itself (RFC 7638, RFC 8037 section 2, RFC 9964)."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokenward.jose import base64url
from tokenward.jose.key_strength import InvalidKey

# The members that make the key, in the alphabetical order in which they are hashed.
_MEMBERS: Final = {
    "AKP": ("alg", "kty", "pub"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
    "oct": ("k", "kty"),
}


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of `jwk` in base64url; members other than those that make the key do not
    count.

    Whether the members describe a usable key is not checked; importing the key does that.

    Raises:
        InvalidKey: when the key type is unknown, or a member that makes the key is missing or no string.
    """
    kty = jwk.get("kty")
    names = _MEMBERS.get(kty) if type(kty) is str else None
    if names is None:
        raise InvalidKey("The JWK has a key type (`kty`) that is not known.")
    members = {name: jwk.get(name) for name in names}
    for name, value in members.items():
        if type(value) is not str or not value.isascii():
            raise InvalidKey(f"The JWK lacks `{name}`, or it is not a base64url string.")
    return base64url.encode(hashlib.sha256(msgspec.json.encode(members)).digest()).decode("ascii")
