"""Ed25519 and Ed448 keys: `kty` `OKP` (RFC 8037 section 2, RFC 9864 section 2.2).

The algorithm of such a key has two names: the one of its curve, and `EdDSA`. Its tokens say the one that it was made
with, and it verifies tokens that say either.
"""

from collections.abc import Mapping
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tokenward.jose import algorithms
from tokenward.jose.algorithms import eddsa
from tokenward.jose.edwards import ED448, ED25519, Edwards
from tokenward.jose.key_strength import UnsupportedKey, check_edwards_point
from tokenward.jose.keys.key import PrivateKey, PublicKey
from tokenward.jose.keys.members import not_of_one_key, read_bytes, text

# The name of each curve, which is its `crv`, is the name of its fully specified algorithm too.
_CURVES: Final = {curve.name: curve for curve in (ED25519, ED448)}


class OKPPublicKey(PublicKey):
    """An Ed25519 or Ed448 key that verifies; `alg` is `EdDSA` or the name of the curve, and headers may say either."""

    __slots__ = ("_curve", "_native")

    def __init__(
        self,
        native: Ed25519PublicKey | Ed448PublicKey,
        *,
        alg: str = algorithms.EDDSA,
        kid: str | None = None,
    ) -> None:
        if isinstance(native, Ed25519PublicKey):
            self._curve = ED25519
        elif isinstance(native, Ed448PublicKey):
            self._curve = ED448
        else:
            raise UnsupportedKey("An OKP public key must be an Ed25519 or Ed448 key of `cryptography`.")
        check_edwards_point(self._curve, native.public_bytes_raw())
        self._native = native
        super().__init__(alg, kid, _verifier(native), names=_names(self._curve, alg))

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self._curve, self._native)


class OKPPrivateKey(PrivateKey):
    """An Ed25519 or Ed448 key that signs; `alg`, `EdDSA` or the name of the curve, is what its tokens say."""

    __slots__ = ("_curve", "_native")

    def __init__(
        self,
        native: Ed25519PrivateKey | Ed448PrivateKey,
        *,
        alg: str = algorithms.EDDSA,
        kid: str | None = None,
    ) -> None:
        if isinstance(native, Ed25519PrivateKey):
            self._curve, sign = ED25519, eddsa.ed25519_signer(native)
        elif isinstance(native, Ed448PrivateKey):
            self._curve, sign = ED448, eddsa.ed448_signer(native)
        else:
            raise UnsupportedKey("An OKP private key must be an Ed25519 or Ed448 key of `cryptography`.")
        self._native = native
        verify = _verifier(native.public_key())
        super().__init__(alg, kid, sign, verify, names=_names(self._curve, alg))

    @classmethod
    def generate(cls, alg: str = algorithms.ED25519) -> Self:
        """Return a new random key: on the curve that `alg` names, and an Ed25519 key for `EdDSA`.

        Raises:
            UnsupportedKey: for another algorithm.
        """
        if alg == algorithms.ED448:
            return cls(Ed448PrivateKey.generate(), alg=alg)
        return cls(Ed25519PrivateKey.generate(), alg=alg)

    def public_key(self) -> OKPPublicKey:
        """Return the key that verifies what this one signs."""
        return OKPPublicKey(self._native.public_key(), alg=self.alg, kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self._curve, self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        return {"d": text(self._native.private_bytes_raw())}


def algorithms_of_jwk(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what a key on the curve that `crv` names can be for; the first is meant when nothing says which.

    Raises:
        UnsupportedKey: when it is not a curve for signatures that is ours.
    """
    return (algorithms.EDDSA, _curve_of_jwk(jwk).name)


def public_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> OKPPublicKey:
    """Return the public key of `jwk` for `alg`."""
    return OKPPublicKey(_public_native(jwk), alg=alg, kid=kid)


def private_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> OKPPrivateKey:
    """Return the private key of `jwk` for `alg`."""
    curve = _curve_of_jwk(jwk)
    # On both curves a private key is as long as an encoded point.
    seed = read_bytes(jwk, "d", length=curve.size)
    private = (
        Ed25519PrivateKey.from_private_bytes(seed)
        if curve is ED25519
        else Ed448PrivateKey.from_private_bytes(seed)
    )
    if private.public_key() != _public_native(jwk):
        raise not_of_one_key()
    return OKPPrivateKey(private, alg=alg, kid=kid)


def _curve_of_jwk(jwk: Mapping[str, Any]) -> Edwards:
    crv = jwk.get("crv")
    curve = _CURVES.get(crv) if type(crv) is str else None
    if curve is None:
        raise UnsupportedKey("The curve (`crv`) of an OKP key must be Ed25519 or Ed448.")
    return curve


def _public_native(jwk: Mapping[str, Any]) -> Ed25519PublicKey | Ed448PublicKey:
    curve = _curve_of_jwk(jwk)
    encoded = read_bytes(jwk, "x", length=curve.size)
    # Any bytes make an object here; the point itself is checked when it becomes a key of ours.
    if curve is ED25519:
        return Ed25519PublicKey.from_public_bytes(encoded)
    return Ed448PublicKey.from_public_bytes(encoded)


def _verifier(native: Ed25519PublicKey | Ed448PublicKey) -> algorithms.Verifier:
    if isinstance(native, Ed25519PublicKey):
        return eddsa.ed25519_verifier(native)
    return eddsa.ed448_verifier(native)


def _names(curve: Edwards, alg: str) -> frozenset[str]:
    # An `EdDSA` token of an Ed448 key is Ed448, and `Ed25519` never means it.
    names = algorithms.names_of(curve.name)
    if alg not in names:
        raise UnsupportedKey(
            f"An {curve.name} key is for `EdDSA` or `{curve.name}`, which mean the same for it."
        )
    return names


def _public_members(curve: Edwards, native: Ed25519PublicKey | Ed448PublicKey) -> dict[str, str]:
    return {"kty": "OKP", "crv": curve.name, "x": text(native.public_bytes_raw())}
