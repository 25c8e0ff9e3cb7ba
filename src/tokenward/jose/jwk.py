"""JSON Web Keys: making, reading and naming them (RFC 7517, RFC 7518 section 6, RFC 8037, RFC 7638, RFC 9964).

Here are the choice of the one algorithm, and whether the key was published for this use. The key types and the members
of each are in `keys`, and what makes a key too weak in `key_strength`; both are offered here too.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, cast, overload

from tokenward.errors import ConfigurationError
from tokenward.jose import algorithms, keys
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey
from tokenward.jose.keys import HMACKey, Key, PrivateKey, PublicKey, SigningKey, VerificationKey
from tokenward.jose.thumbprint import thumbprint

if TYPE_CHECKING:
    from tokenward.jose.keys import (
        AKPPrivateKey,
        AKPPublicKey,
        ECPrivateKey,
        ECPublicKey,
        OKPPrivateKey,
        OKPPublicKey,
        RSAPrivateKey,
        RSAPublicKey,
    )

__all__ = [
    "AKPPrivateKey",
    "AKPPublicKey",
    "ECPrivateKey",
    "ECPublicKey",
    "HMACKey",
    "InvalidKey",
    "Key",
    "OKPPrivateKey",
    "OKPPublicKey",
    "PrivateKey",
    "PublicKey",
    "PublishedPrivateKey",
    "RSAPrivateKey",
    "RSAPublicKey",
    "SigningKey",
    "UnsupportedKey",
    "VerificationKey",
    "generate",
    "import_jwk",
    "import_private_jwk",
    "thumbprint",
]

# The module of each key type, in `keys`. It is imported when the first key of its type is.
_MODULES: Final = {"RSA": "rsa", "EC": "ec", "OKP": "okp", "AKP": "akp", "oct": "hmac"}

_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})


class PublishedPrivateKey(InvalidKey):
    """A key that was to be public came with its private part. Whoever has seen it can sign."""


_HMACName = Literal["HS256", "HS384", "HS512"]
_PrivateName = Literal[
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "ES256K",
    "EdDSA",
    "Ed25519",
    "Ed448",
    "ML-DSA-44",
    "ML-DSA-65",
    "ML-DSA-87",
]


@overload
def generate(alg: _HMACName) -> HMACKey: ...


@overload
def generate(alg: _PrivateName) -> PrivateKey: ...


@overload
def generate(alg: str) -> SigningKey: ...


def generate(alg: str) -> SigningKey:
    """Return a new random key for `alg`.

    A secret is as long as the hash. An RSA key has 2048 bits for the algorithms with SHA-256, 3072 for the others.
    `EdDSA` gives an Ed25519 key.

    Raises:
        ConfigurationError: when there is no such algorithm here.
        UnsupportedKey: for ML-DSA, where `cryptography` does not have it.
    """
    if alg in algorithms.HMAC:
        return HMACKey.generate(alg)
    if alg in algorithms.RSA:
        return keys.RSAPrivateKey.generate(alg)
    if alg in algorithms.ECDSA:
        return keys.ECPrivateKey.generate(alg)
    if alg in algorithms.EDWARDS:
        return keys.OKPPrivateKey.generate(alg)
    if alg in algorithms.ML_DSA:
        return keys.AKPPrivateKey.generate(alg)
    known = ", ".join(sorted(algorithms.SUPPORTED))
    raise ConfigurationError(f"There is no signature algorithm {alg!r} here; these exist: {known}.")


def import_jwk(jwk: Mapping[str, Any], *, alg: str | None = None) -> VerificationKey:
    """Return the key that `jwk` describes, for verifying; `kty` `oct` gives an `HMACKey`.

    The algorithm follows from the key type and curve, and from `alg` in the JWK or the argument; it must be
    the same in all of them. An RSA key is for `RS256` and a secret for `HS256` when neither says which. Whether the
    key belongs to the issuer that it is used for is not checked.

    Raises:
        UnsupportedKey: for a key type, curve, algorithm or use that is not ours.
        PublishedPrivateKey: for a key with private members.
        InvalidKey: for a malformed or weak key.
    """
    key_type = _key_type(jwk)
    if jwk["kty"] != "oct" and not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise PublishedPrivateKey("The JWK has private members; a public key is asked for here.")
    chosen = _choose_algorithm(jwk, key_type.algorithms_of_jwk(jwk), alg)
    _check_purpose(jwk, "verify")
    return key_type.public_from_jwk(jwk, chosen, _kid(jwk))


def import_private_jwk(jwk: Mapping[str, Any]) -> SigningKey:
    """Return the private key or the `HMACKey` that `jwk` describes, for signing.

    The public members must belong to the private ones. RSA keys need all of `d p q dp dq qi`, AKP keys `priv`.

    Raises:
        UnsupportedKey: for a key type, curve, algorithm or use that is not ours.
        InvalidKey: for a malformed or weak key, and for one without its private members.
    """
    key_type = _key_type(jwk)
    chosen = _choose_algorithm(jwk, key_type.algorithms_of_jwk(jwk), None)
    _check_purpose(jwk, "sign")
    return key_type.private_from_jwk(jwk, chosen, _kid(jwk))


class _KeyType(Protocol):
    """What the module of each key type has."""

    def algorithms_of_jwk(self, jwk: Mapping[str, Any], /) -> tuple[str, ...]: ...

    def public_from_jwk(self, jwk: Mapping[str, Any], alg: str, kid: str | None, /) -> VerificationKey: ...

    def private_from_jwk(self, jwk: Mapping[str, Any], alg: str, kid: str | None, /) -> SigningKey: ...


def _key_type(jwk: Mapping[str, Any]) -> _KeyType:
    if not isinstance(jwk, Mapping):
        raise InvalidKey("A JWK is a dict here. Read the JSON text of one with `decode_object`.")
    kty = jwk.get("kty")
    if type(kty) is not str or kty not in _MODULES:
        raise UnsupportedKey(f"The key type (`kty`) is not one of {', '.join(_MODULES)}.")
    return cast("_KeyType", import_module(f"{keys.__name__}.{_MODULES[kty]}"))


def _kid(jwk: Mapping[str, Any]) -> str | None:
    if "kid" not in jwk:
        return None
    kid = jwk["kid"]
    if type(kid) is not str:
        raise InvalidKey("The `kid` of the JWK is no string.")
    return kid


def _choose_algorithm(jwk: Mapping[str, Any], possible: tuple[str, ...], asked: str | None) -> str:
    """Return the one of the possible algorithms that the JWK or the caller names, or the first of them."""
    names = [jwk["alg"]] if "alg" in jwk else []
    if asked is not None:
        names.append(asked)
    for name in names:
        if type(name) is not str or name not in possible:
            raise UnsupportedKey(f"A key of this type and curve is for {' or '.join(possible)} only.")
    if not names:
        return possible[0]
    if names[-1] not in algorithms.names_of(names[0]):
        raise UnsupportedKey(f"The JWK is for another algorithm than {asked}, which is asked for.")
    return str(names[0])


def _check_purpose(jwk: Mapping[str, Any], operation: str) -> None:
    """Refuse a key that its owner published for something else (RFC 7517 sections 4.2 and 4.3)."""
    if "use" in jwk and jwk["use"] != "sig":
        raise UnsupportedKey("The key is not for signatures (`use`).")
    if "key_ops" in jwk:
        operations = jwk["key_ops"]
        if type(operations) is not list or not all(type(name) is str for name in operations):
            raise InvalidKey("`key_ops` must be a list of strings.")
        if len(set(operations)) != len(operations):
            raise InvalidKey("`key_ops` names an operation twice.")
        if operation not in operations:
            raise UnsupportedKey(f"The key is not for this operation: `key_ops` lacks {operation!r}.")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in keys.IMPORTED_ON_FIRST_USE:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(keys, name)
