"""JSON Web Keys: making, reading and naming them (RFC 7517, RFC 7518 section 6, RFC 8037, RFC 7638).

The key types themselves are in `keys`, and what makes a key too weak in `key_strength`; both are offered
here too.
"""

import secrets
from collections.abc import Mapping
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose import algorithms, base64url
from tokenward.jose.key_strength import InvalidKey, check_ed25519_point, check_rsa_numbers
from tokenward.jose.keys import (
    ECPrivateKey,
    ECPublicKey,
    HMACKey,
    Key,
    OKPPrivateKey,
    OKPPublicKey,
    PrivateKey,
    PublicKey,
    RSAPrivateKey,
    RSAPublicKey,
    SigningKey,
    VerificationKey,
)
from tokenward.jose.thumbprint import thumbprint

__all__ = [
    "ECPrivateKey",
    "ECPublicKey",
    "HMACKey",
    "InvalidKey",
    "Key",
    "OKPPrivateKey",
    "OKPPublicKey",
    "PrivateKey",
    "PublicKey",
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

_MAX_MEMBER_LENGTH: Final = 2048
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_ALGORITHM_OF: Final = {"RSA": algorithms.RS256, "EC": algorithms.ES256, "oct": algorithms.HS256}


class UnsupportedKey(InvalidKey):
    """A key that may be good, but of a type, curve, algorithm or use that is not ours to verify with."""


def generate(alg: str) -> SigningKey:
    """Return a new random key for `alg`: 32 bytes for `HS256`, 2048 bits for `RS256`.

    Raises:
        ConfigurationError: when there is no such algorithm here.
    """
    if alg == algorithms.HS256:
        return HMACKey(secrets.token_bytes(32))
    if alg == algorithms.RS256:
        return RSAPrivateKey(rsa.generate_private_key(65537, 2048))
    if alg == algorithms.ES256:
        return ECPrivateKey(ec.generate_private_key(ec.SECP256R1()))
    if alg in (algorithms.EDDSA, algorithms.ED25519):
        return OKPPrivateKey(ed25519.Ed25519PrivateKey.generate(), alg=alg)
    known = ", ".join(sorted(algorithms.SUPPORTED))
    raise ConfigurationError(f"There is no signature algorithm {alg!r} here; these exist: {known}.")


def import_jwk(jwk: Mapping[str, Any], *, alg: str | None = None) -> VerificationKey:
    """Return the key that `jwk` describes, for verifying; `kty` `oct` gives an `HMACKey`.

    The algorithm follows from the key type and curve, and from `alg` in the JWK or the argument; it must be
    the same in all of them. Whether the key belongs to the issuer that it is used for is not checked.

    Raises:
        UnsupportedKey: for a key type, curve, algorithm or use that is not ours.
        InvalidKey: for a malformed or weak key, and for one with private members.
    """
    kty = _kty(jwk)
    chosen = _choose_algorithm(jwk, kty, alg)
    _check_purpose(jwk, "verify")
    kid = jwk.get("kid")
    if kty == "oct":
        return HMACKey(_bytes(jwk, "k"), kid=kid)
    if not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise InvalidKey("The JWK has private members; a public key is asked for here.")
    if kty == "RSA":
        numbers = _rsa_numbers(jwk)
        return RSAPublicKey(numbers.public_key(), kid=kid)
    if kty == "EC":
        return ECPublicKey(_ec_native(jwk), kid=kid)
    return OKPPublicKey(_okp_native(jwk), alg=chosen, kid=kid)


def import_private_jwk(jwk: Mapping[str, Any]) -> SigningKey:
    """Return the private key or the `HMACKey` that `jwk` describes, for signing.

    The public members must belong to the private ones. RSA keys need all of `d p q dp dq qi`.

    Raises:
        UnsupportedKey: for a key type, curve, algorithm or use that is not ours.
        InvalidKey: for a malformed or weak key, and for one without its private members.
    """
    kty = _kty(jwk)
    chosen = _choose_algorithm(jwk, kty, None)
    _check_purpose(jwk, "sign")
    kid = jwk.get("kid")
    if kty == "oct":
        return HMACKey(_bytes(jwk, "k"), kid=kid)
    if kty == "RSA":
        return RSAPrivateKey(_rsa_private_native(jwk), kid=kid)
    if kty == "EC":
        return ECPrivateKey(_ec_private_native(jwk), kid=kid)
    private = ed25519.Ed25519PrivateKey.from_private_bytes(_bytes(jwk, "d", length=32))
    if private.public_key() != _okp_native(jwk):
        raise InvalidKey("The public part of the JWK does not belong to its private part.")
    return OKPPrivateKey(private, alg=chosen, kid=kid)


def _kty(jwk: Mapping[str, Any]) -> str:
    kty = jwk.get("kty")
    if kty not in ("RSA", "EC", "OKP", "oct"):
        raise UnsupportedKey("The key type (`kty`) is not one of RSA, EC, OKP and oct.")
    return str(kty)


def _choose_algorithm(jwk: Mapping[str, Any], kty: str, asked: str | None) -> str:
    """Return the algorithm of the key, which its type and curve allow, and which nothing contradicts."""
    if kty == "EC" and jwk.get("crv") != "P-256":
        raise UnsupportedKey("The curve of an EC key must be P-256.")
    if kty == "OKP" and jwk.get("crv") != "Ed25519":
        raise UnsupportedKey("The curve of an OKP key must be Ed25519.")
    possible = algorithms.names_of(_ALGORITHM_OF.get(kty, algorithms.EDDSA))
    named = jwk.get("alg", asked)
    for name in (named, asked):
        if name is not None and not (type(name) is str and name in possible):
            raise UnsupportedKey(f"A key of this type and curve is for {' or '.join(sorted(possible))} only.")
    return str(named) if named is not None else _ALGORITHM_OF.get(kty, algorithms.EDDSA)


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


def _bytes(jwk: Mapping[str, Any], name: str, *, length: int | None = None) -> bytes:
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


def _number(jwk: Mapping[str, Any], name: str) -> int:
    """Read a Base64urlUInt: big-endian, in as few bytes as possible (RFC 7518 section 2)."""
    data = _bytes(jwk, name)
    if not data or data[0] == 0:
        raise InvalidKey(f"`{name}` of the JWK is empty or begins with a zero byte.")
    return int.from_bytes(data, "big")


def _rsa_numbers(jwk: Mapping[str, Any]) -> rsa.RSAPublicNumbers:
    numbers = rsa.RSAPublicNumbers(_number(jwk, "e"), _number(jwk, "n"))
    check_rsa_numbers(numbers)
    return numbers


def _rsa_private_native(jwk: Mapping[str, Any]) -> rsa.RSAPrivateKey:
    if "oth" in jwk:
        raise UnsupportedKey("RSA keys of more than two primes are not supported.")
    numbers = rsa.RSAPrivateNumbers(
        p=_number(jwk, "p"),
        q=_number(jwk, "q"),
        d=_number(jwk, "d"),
        dmp1=_number(jwk, "dp"),
        dmq1=_number(jwk, "dq"),
        iqmp=_number(jwk, "qi"),
        public_numbers=_rsa_numbers(jwk),
    )
    try:
        return numbers.private_key()
    except (ValueError, UnsupportedAlgorithm):
        raise InvalidKey("The members of the RSA key do not belong together.") from None


def _ec_native(jwk: Mapping[str, Any]) -> ec.EllipticCurvePublicKey:
    x = int.from_bytes(_bytes(jwk, "x", length=32), "big")
    y = int.from_bytes(_bytes(jwk, "y", length=32), "big")
    try:
        # The library refuses a point that is not on the curve; with such points a private key can be read
        # out.
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise InvalidKey("The point of the EC key is not on the curve P-256.") from None


def _ec_private_native(jwk: Mapping[str, Any]) -> ec.EllipticCurvePrivateKey:
    value = int.from_bytes(_bytes(jwk, "d", length=32), "big")
    if not 0 < value < algorithms.P256_ORDER:
        raise InvalidKey("The private part of the EC key is not in the range of the curve P-256.")
    private = ec.derive_private_key(value, ec.SECP256R1())
    if private.public_key() != _ec_native(jwk):
        raise InvalidKey("The public part of the JWK does not belong to its private part.")
    return private


def _okp_native(jwk: Mapping[str, Any]) -> ed25519.Ed25519PublicKey:
    encoded = _bytes(jwk, "x", length=32)
    check_ed25519_point(encoded)
    return ed25519.Ed25519PublicKey.from_public_bytes(encoded)
