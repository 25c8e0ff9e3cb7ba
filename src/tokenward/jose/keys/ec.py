"""Keys on the curves P-256, P-384, P-521 and secp256k1: `kty` `EC` (RFC 7518 section 6.2, RFC 8812 section 3.1).

The curve decides the algorithm; no curve has two.
"""

from collections.abc import Mapping
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric import ec

from tokenward.jose import algorithms
from tokenward.jose.algorithms import ecdsa
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey
from tokenward.jose.keys.key import PrivateKey, PublicKey
from tokenward.jose.keys.members import not_of_one_key, read_bytes, text


class ECPublicKey(PublicKey):
    """A key that verifies by the algorithm of its curve: `ES256`, `ES384`, `ES512` or `ES256K`."""

    __slots__ = ("_curve", "_native")

    def __init__(self, native: ec.EllipticCurvePublicKey, *, kid: str | None = None) -> None:
        if not isinstance(native, ec.EllipticCurvePublicKey):
            raise InvalidKey("The EC public key must be an `EllipticCurvePublicKey` of `cryptography`.")
        self._curve = _curve_of(native.curve)
        self._native = native
        super().__init__(self._curve.alg, kid, ecdsa.verifier(self._curve, native))

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self._curve, self._native)


class ECPrivateKey(PrivateKey):
    """A key that signs by the algorithm of its curve: `ES256`, `ES384`, `ES512` or `ES256K`."""

    __slots__ = ("_curve", "_native")

    def __init__(self, native: ec.EllipticCurvePrivateKey, *, kid: str | None = None) -> None:
        if not isinstance(native, ec.EllipticCurvePrivateKey):
            raise InvalidKey("The EC private key must be an `EllipticCurvePrivateKey` of `cryptography`.")
        self._curve = _curve_of(native.curve)
        self._native = native
        super().__init__(
            self._curve.alg,
            kid,
            ecdsa.signer(self._curve, native),
            ecdsa.verifier(self._curve, native.public_key()),
        )

    @classmethod
    def generate(cls, alg: str = algorithms.ES256) -> Self:
        """Return a new random key on the curve of `alg`.

        Raises:
            UnsupportedKey: for an algorithm that is not ECDSA.
        """
        for curve in ecdsa.CURVES.values():
            if curve.alg == alg:
                return cls(ec.generate_private_key(curve.native()))
        raise UnsupportedKey("An EC key is for ES256, ES384, ES512 or ES256K.")

    def public_key(self) -> ECPublicKey:
        """Return the key that verifies what this one signs."""
        return ECPublicKey(self._native.public_key(), kid=self.kid)

    def _thumbprint_members(self) -> dict[str, str]:
        return _public_members(self._curve, self._native.public_key())

    def _private_members(self) -> dict[str, str]:
        value = self._native.private_numbers().private_value
        return {"d": text(value.to_bytes(self._curve.size, "big"))}


def algorithms_of_jwk(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the one algorithm that a key on the curve that `crv` names is for.

    Raises:
        UnsupportedKey: when the curve is not one of ours.
    """
    return (_curve_of_jwk(jwk).alg,)


def public_from_jwk(jwk: Mapping[str, Any], _alg: str, kid: str | None) -> ECPublicKey:
    """Return the public key of `jwk`."""
    return ECPublicKey(_public_native(jwk, _curve_of_jwk(jwk)), kid=kid)


def private_from_jwk(jwk: Mapping[str, Any], _alg: str, kid: str | None) -> ECPrivateKey:
    """Return the private key of `jwk`."""
    curve = _curve_of_jwk(jwk)
    value = int.from_bytes(read_bytes(jwk, "d", length=curve.size), "big")
    if not 0 < value < curve.order:
        raise InvalidKey(f"The private part of the EC key is not in the range of the curve {curve.name}.")
    private = ec.derive_private_key(value, curve.native())
    if private.public_key() != _public_native(jwk, curve):
        raise not_of_one_key()
    return ECPrivateKey(private, kid=kid)


def _curve_of_jwk(jwk: Mapping[str, Any]) -> ecdsa.Curve:
    crv = jwk.get("crv")
    curve = ecdsa.CURVES.get(crv) if type(crv) is str else None
    if curve is None:
        raise UnsupportedKey(f"The curve (`crv`) of an EC key must be one of {', '.join(ecdsa.CURVES)}.")
    return curve


def _public_native(jwk: Mapping[str, Any], curve: ecdsa.Curve) -> ec.EllipticCurvePublicKey:
    x = int.from_bytes(read_bytes(jwk, "x", length=curve.size), "big")
    y = int.from_bytes(read_bytes(jwk, "y", length=curve.size), "big")
    if x >= curve.field or y >= curve.field:
        # The library would reduce them, and one key would have several JWKs and thumbprints.
        raise InvalidKey(f"The point of the EC key is not on the curve {curve.name}.")
    try:
        # The library refuses a point that is not on the curve; with such points a private key can be read
        # out.
        return ec.EllipticCurvePublicNumbers(x, y, curve.native()).public_key()
    except ValueError:
        raise InvalidKey(f"The point of the EC key is not on the curve {curve.name}.") from None


def _curve_of(native: ec.EllipticCurve) -> ecdsa.Curve:
    for curve in ecdsa.CURVES.values():
        if isinstance(native, curve.native):
            return curve
    raise UnsupportedKey(f"An EC key must be on one of the curves {', '.join(ecdsa.CURVES)}.")


def _public_members(curve: ecdsa.Curve, native: ec.EllipticCurvePublicKey) -> dict[str, str]:
    numbers = native.public_numbers()
    return {
        "kty": "EC",
        "crv": curve.name,
        "x": text(numbers.x.to_bytes(curve.size, "big")),
        "y": text(numbers.y.to_bytes(curve.size, "big")),
    }
