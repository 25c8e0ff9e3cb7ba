"""What the suite `jose` works on: a key of each algorithm, and many tokens of ten claims (RFC 9068)."""

import secrets
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tokenward.jose import (
    ECPrivateKey,
    HMACKey,
    JWKSet,
    OKPPrivateKey,
    PrivateKey,
    RSAPrivateKey,
    SigningKey,
    sign_compact,
)
from tokenward.jose.algorithms import eddsa
from tokenward.tokens import encode_access_token

ISSUER: Final = "https://login.example.com"
AUDIENCE: Final = "https://api.example.com"
ALGORITHMS: Final = ("HS256", "RS256", "ES256", "EdDSA")
REQUIRED: Final = ("iss", "sub", "aud", "client_id", "exp", "iat", "jti")

# Enough different tokens that a loop over them is not a loop over one, and few enough to be made quickly.
BATCH: Final = 256

# An issuer grants the same few combinations again and again.
_SCOPES: Final = ("openid profile", "openid profile email", "orders:read", "orders:read orders:write")


@dataclass(frozen=True, slots=True)
class Material:
    """One algorithm: its key as Tokenward and as `cryptography` know it, and tokens that were signed with it.

    `native` is the private key, or the secret of HS256. The tokens end ten hours from now, so that none expires
    while it is measured.
    """

    alg: str
    native: Any
    key: SigningKey
    keys: JWKSet
    claims: list[dict[str, Any]]
    tokens: list[str]

    @property
    def public(self) -> Any:
        """The key of `cryptography` that verifies; for HS256 the secret."""
        return self.native if type(self.native) is bytes else self.native.public_key()

    def signed_parts(self) -> list[tuple[bytes, bytes]]:
        """The signing input of each token, and its signature in base64url."""
        return [(parts[0], parts[2]) for parts in (token.encode().rpartition(b".") for token in self.tokens)]


def make(
    alg: str, *, issuer: str = ISSUER, ed25519_by: Literal["cryptography", "libsodium"] = "cryptography"
) -> Material:
    """Make a key for `alg` and the tokens of one batch.

    Raises:
        ConfigurationError: when Ed25519 is wanted by libsodium and there is none.
    """
    eddsa.prefer(ed25519_by)
    native, key = _make_key(alg)
    keys = JWKSet([key if isinstance(key, HMACKey) else key.public_key()])
    eddsa.prefer(None)
    claims = [make_claims(number, issuer) for number in range(BATCH)]
    return Material(alg, native, key, keys, claims, [encode_access_token(one, key) for one in claims])


def _make_key(alg: str) -> tuple[Any, HMACKey | PrivateKey]:
    if alg == "HS256":
        secret = secrets.token_bytes(32)
        return secret, HMACKey(secret)
    if alg == "RS256":
        native_rsa = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return native_rsa, RSAPrivateKey(native_rsa)
    if alg == "ES256":
        native_ec = ec.generate_private_key(ec.SECP256R1())
        return native_ec, ECPrivateKey(native_ec)
    native_ed = ed25519.Ed25519PrivateKey.generate()
    return native_ed, OKPPrivateKey(native_ed)


def make_claims(number: int, issuer: str = ISSUER) -> dict[str, Any]:
    """The claims of one access token: about 250 bytes of JSON."""
    now = int(time.time())
    return {
        "iss": issuer,
        "sub": f"usr_{secrets.token_hex(8)}",
        "aud": AUDIENCE,
        "client_id": "web-frontend",
        "exp": now + 36_000,
        "iat": now,
        "jti": secrets.token_urlsafe(16),
        "scope": _SCOPES[number % len(_SCOPES)],
        "sid": secrets.token_urlsafe(16),
        "roles": ["editor"],
    }


def with_other_claims(material: Material, **others: Any) -> list[str]:
    """The tokens with other or more claims than those that every access token has."""
    return [encode_access_token({**claims, **others}, material.key) for claims in material.claims]


def with_headers_of_their_own(material: Material) -> list[str]:
    """Tokens of which no two have the same header, so that nothing remembered about a header can help."""
    return [
        sign_compact({"typ": "at+jwt", "x": number}, msgspec.json.encode(claims), material.key)
        for number, claims in enumerate(material.claims)
    ]
