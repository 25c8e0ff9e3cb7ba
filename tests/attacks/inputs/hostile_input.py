"""What a hostile input is, and the honest tokens that all of them are made of.

The modules beside this one make the inputs of one section of the catalogue each. They are data: what verifies them
stands elsewhere, so that our verifier and those of other libraries get the very same bytes.
"""

import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec
from tests.tokens import forge
from tests.tokens.forge import key, public

from tokenward.jose import PublicKey, SigningKey, base64url

JWK = Mapping[str, Any]

NONCE: Final = "n-0S6_WzA2Mj"
ACCESS_TOKEN: Final = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"


class Own(NamedTuple):
    """Keys that the owner of the API has set up."""

    jwks: tuple[JWK, ...]


class Published(NamedTuple):
    """The text of a JWK Set that somebody has published."""

    text: bytes


class Secret(NamedTuple):
    """What somebody took for the secret of an HMAC."""

    data: bytes


class HostileInput(NamedTuple):
    """One input: a token and the keys that it is to be verified with, or keys alone.

    `token` is None where the key itself is the attack and nothing can be signed with it. `authorization` are the
    values of the `Authorization` headers that a token came in. `is_id_token` tells that it is verified as one, with
    `NONCE` and `ACCESS_TOKEN`. `good` tells that it is honest, and must be accepted.
    """

    id: str
    name: str
    token: str | None
    keys: Own | Published | Secret
    algorithms: tuple[str, ...] = ("ES256",)
    good: bool = False
    authorization: tuple[bytes, ...] = ()
    is_id_token: bool = False


@cache
def jwk(alg: str = "ES256", name: str = "") -> dict[str, Any]:
    """Return the JWK that verifies what `key(alg, name)` signs. It is shared; copy it to change it."""
    verifying = public(key(alg, name))
    return dict(verifying.to_jwk() if isinstance(verifying, PublicKey) else key(alg, name).to_private_jwk())


def own(*algorithms: str) -> Own:
    """Return the usual keys for these algorithms."""
    return Own(tuple(jwk(alg) for alg in algorithms or ("ES256",)))


def published(*jwks: JWK) -> Published:
    """Return the JWK Set of these keys."""
    return Published(json.dumps({"keys": jwks}).encode())


def encoded(data: bytes) -> str:
    """Return base64url text."""
    return base64url.encode(data).decode("ascii")


def decoded(text: str) -> bytes:
    """Return the bytes of base64url text."""
    return base64url.decode(text.encode("ascii"))


def macked(head: Mapping[str, Any], payload: Mapping[str, Any], secret: bytes, digest: str = "sha256") -> str:
    """Return a token with an HMAC under any bytes at all, as an attacker can make it."""
    text = ".".join(encoded(msgspec.json.encode(part)) for part in (head, payload))
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), digest))}"


def resigned(token: str, signature: bytes) -> str:
    """Return the token with another signature."""
    return token.rpartition(".")[0] + "." + encoded(signature)


def signature_of(token: str) -> bytes:
    """Return the signature of a token."""
    return decoded(token.rpartition(".")[2])


class Maker:
    """Makes tokens that are good at the time `now`, for the usual issuer and audience, and what becomes of them."""

    def __init__(self, now: int) -> None:
        self.now = now

    def claims(self, /, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token with changes; `forge.ABSENT` leaves one out."""
        return forge.claims(**({"exp": self.now + 3600, "iat": self.now - 60} | changes))

    def token(self, alg: str = "ES256", /, **changes: Any) -> str:
        """Return a token of the usual key with changed claims."""
        return forge.seal(forge.header(key(alg)), self.claims(**changes), key(alg))

    def headed(self, alg: str = "ES256", /, *, by: SigningKey | None = None, **changes: Any) -> str:
        """Return a token with a changed header, signed rightly by the usual key for `alg`, or by another."""
        return forge.seal(forge.header(key(alg), **changes), self.claims(), by or key(alg))

    def saying(self, payload: bytes) -> str:
        """Return a token with exactly this payload."""
        return forge.seal(forge.header(key()), payload, key())

    def with_raw_claim(self, name: str, literal: str) -> str:
        """Return a token whose claim is spelled by a literal that no JSON encoder would write."""
        rest = msgspec.json.encode(self.claims(**{name: forge.ABSENT}))[1:]
        return self.saying(f'{{"{name}":{literal},'.encode() + rest)
