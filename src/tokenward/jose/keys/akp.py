"""ML-DSA keys: `kty` `AKP`, of which `alg` is a part (RFC 9964)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from tokenward.jose import algorithms
from tokenward.jose.algorithms import mldsa
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey
from tokenward.jose.keys.key import PrivateKey, PublicKey
from tokenward.jose.keys.members import not_of_one_key, read_bytes, text

if TYPE_CHECKING:
    from tokenward.jose.algorithms.mldsa import NativePrivateKey, NativePublicKey


class AKPPublicKey(PublicKey):
    """A key that verifies `ML-DSA-44`, `ML-DSA-65` or `ML-DSA-87`; the key object decides which."""

    __slots__ = ("_native",)

    def __init__(self, native: "NativePublicKey", *, kid: str | None = None) -> None:
        alg = mldsa.find_algorithm_of_public(native)
        if alg is None:
            raise UnsupportedKey("An AKP public key must be an ML-DSA public key of `cryptography`.")
        self._native = native
        self.alg = alg  # Set before the thumbprint is taken, of which it is a part.
        super().__init__(alg, kid, mldsa.verifier(alg, native))

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self.alg, self._native)


class AKPPrivateKey(PrivateKey):
    """A key that signs by `ML-DSA-44`, `ML-DSA-65` or `ML-DSA-87`; the key object decides which."""

    __slots__ = ("_native",)

    def __init__(self, native: "NativePrivateKey", *, kid: str | None = None) -> None:
        alg = mldsa.find_algorithm_of_private(native)
        if alg is None:
            raise UnsupportedKey("An AKP private key must be an ML-DSA private key of `cryptography`.")
        self._native = native
        self.alg = alg  # Set before the thumbprint is taken, of which it is a part.
        super().__init__(alg, kid, mldsa.signer(native), mldsa.verifier(alg, native.public_key()))

    @classmethod
    def generate(cls, alg: str = algorithms.ML_DSA_65) -> Self:
        """Return a new random key for `alg`.

        Raises:
            UnsupportedKey: for another algorithm, and where `cryptography` has no ML-DSA.
        """
        if alg not in algorithms.ML_DSA:
            raise UnsupportedKey("An AKP key is for ML-DSA-44, ML-DSA-65 or ML-DSA-87.")
        return cls(mldsa.private_key(alg))

    def public_key(self) -> AKPPublicKey:
        """Return the key that verifies what this one signs."""
        return AKPPublicKey(self._native.public_key(), kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self.alg, self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        return {"priv": text(self._native.private_bytes_raw())}


def algorithms_of_jwk(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the one algorithm that `alg` names; without it nobody knows what an AKP key is.

    Raises:
        UnsupportedKey: when it is none of ours.
        InvalidKey: when it is missing.
    """
    if "alg" not in jwk:
        raise InvalidKey("A JWK of the type AKP must have `alg`.")
    alg = jwk["alg"]
    if type(alg) is not str or alg not in algorithms.ML_DSA:
        raise UnsupportedKey("An AKP key is for ML-DSA-44, ML-DSA-65 or ML-DSA-87.")
    return (alg,)


def public_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> AKPPublicKey:
    """Return the public key of `jwk`."""
    return AKPPublicKey(_public_native(jwk, alg), kid=kid)


def private_from_jwk(jwk: Mapping[str, Any], alg: str, kid: str | None) -> AKPPrivateKey:
    """Return the private key of `jwk`, whose `priv` is the seed of 32 bytes."""
    private = mldsa.private_key(alg, read_bytes(jwk, "priv", length=mldsa.SEED_BYTES))
    if private.public_key() != _public_native(jwk, alg):
        raise not_of_one_key()
    return AKPPrivateKey(private, kid=kid)


def _public_native(jwk: Mapping[str, Any], alg: str) -> "NativePublicKey":
    return mldsa.public_key(alg, read_bytes(jwk, "pub", length=mldsa.PUBLIC_BYTES[alg]))


def _public_members(alg: str, native: "NativePublicKey") -> dict[str, str]:
    return {"kty": "AKP", "alg": alg, "pub": text(native.public_bytes_raw())}
