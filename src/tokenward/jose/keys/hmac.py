"""Shared secrets: `kty` `oct` (RFC 7518 sections 3.2 and 6.4)."""

import os
from collections.abc import Mapping
from typing import Any, Final, Self

from tokenward.jose import algorithms
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey, check_hmac_secret
from tokenward.jose.keys.key import SigningKey
from tokenward.jose.keys.members import read_bytes, text

# A secret is at least as long as what the hash gives.
_MIN_SECRET_BYTES: Final = {algorithms.HS256: 32, algorithms.HS384: 48, algorithms.HS512: 64}


class HMACKey(SigningKey):
    """A shared secret for `HS256`, `HS384` or `HS512`: whoever can verify can also sign. It has no public form.

    Args:
        secret: random bytes, at least as many as the hash gives: 32, 48 or 64.
        alg: the one algorithm that the key is for.
        kid: the identifier; the RFC 7638 thumbprint of the secret when it is None.

    Raises:
        InvalidKey: for a secret that is short, longer than 8192 bytes, repetitive, or an asymmetric key in any of its
            usual forms.
        UnsupportedKey: for another algorithm.
    """

    __slots__ = ("_secret",)

    def __init__(self, secret: bytes, *, alg: str = algorithms.HS256, kid: str | None = None) -> None:
        if type(secret) is not bytes:
            raise InvalidKey("The HMAC secret must be bytes.")
        if alg not in _MIN_SECRET_BYTES:
            raise UnsupportedKey(f"A secret is for {', '.join(_MIN_SECRET_BYTES)} only.")
        check_hmac_secret(secret, _MIN_SECRET_BYTES[alg])
        # Imported here, because it brings `cryptography`, which takes long; see `tokenward.jose.keys`.
        from tokenward.jose.algorithms import hmac

        self._secret = secret
        sign = hmac.signer(alg, secret)
        super().__init__(alg, kid, sign, hmac.verifier(sign))
        self.verify_encoded = hmac.encoded_verifier(alg, secret)

    @classmethod
    def generate(cls, alg: str = algorithms.HS256) -> Self:
        """Return a new random key, as long as the hash of `alg`.

        Raises:
            UnsupportedKey: for an algorithm that is not HMAC.
        """
        return cls(os.urandom(_MIN_SECRET_BYTES.get(alg, 0)), alg=alg)

    def _thumbprint_members(self) -> dict[str, str]:
        return {"kty": "oct", "k": text(self._secret)}

    def _private_members(self) -> dict[str, str]:
        return {}


def algorithms_of_jwk(_jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a secret can be for; the first is meant when nothing says which."""
    return tuple(_MIN_SECRET_BYTES)


def public_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> HMACKey:
    """Return the secret of `jwk` as a key for `alg`; there is no public one."""
    return HMACKey(read_bytes(jwk, "k"), alg=alg, kid=kid)


private_from_jwk = public_from_jwk
