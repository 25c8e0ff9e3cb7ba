"""ECDSA: `ES256`, `ES384`, `ES512` and `ES256K`, each on its one curve (RFC 7518 section 3.4, RFC 8812 section 3.2).

JWS writes a signature as R and S, each in the length of the field; the library reads and writes DER.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from tokenward.errors import InvalidToken
from tokenward.jose import algorithms
from tokenward.jose.algorithms import Signer, Verifier


class Curve(NamedTuple):
    """A curve and what goes with it. `name` is its `crv`, `bytes` the length of a coordinate, of R and of S."""

    name: str
    alg: str
    size: int
    field: int
    order: int
    native: type[ec.EllipticCurve]
    hash: HashAlgorithm


_P256: Final = Curve(
    "P-256",
    algorithms.ES256,
    32,
    2**256 - 2**224 + 2**192 + 2**96 - 1,
    0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    ec.SECP256R1,
    SHA256(),
)
_P384: Final = Curve(
    "P-384",
    algorithms.ES384,
    48,
    2**384 - 2**128 - 2**96 + 2**32 - 1,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ec.SECP384R1,
    SHA384(),
)
_P521: Final = Curve(
    "P-521",
    algorithms.ES512,
    66,
    2**521 - 1,
    2**521 - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    ec.SECP521R1,
    SHA512(),
)
_SECP256K1: Final = Curve(
    "secp256k1",
    algorithms.ES256K,
    32,
    2**256 - 2**32 - 977,
    0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    ec.SECP256K1,
    SHA256(),
)

CURVES: Final = {curve.name: curve for curve in (_P256, _P384, _P521, _SECP256K1)}
"""The curves by their `crv` (RFC 7518 section 6.2.1.1, RFC 8812 section 3.1)."""

# DER writes INTEGER and its length in two bytes; the longest here, of P-521 with its zero byte, has 67. SEQUENCE has
# a length of one byte up to 127, and of two from there to 255, which only P-521 comes to.
_INTEGER: Final = [bytes((0x02, length)) for length in range(68)]
_SEQUENCE: Final = [b"\x30" + bytes((length,) if length < 128 else (0x81, length)) for length in range(139)]


def signer(curve: Curve, key: ec.EllipticCurvePrivateKey) -> Signer:
    """Return the function that signs, and gives R and S in full length."""
    native, scheme = key.sign, ec.ECDSA(curve.hash)
    convert = raw_from_der(curve)

    def sign(signing_input: bytes) -> bytes:
        return convert(native(signing_input, scheme))

    return sign


def verifier(curve: Curve, key: ec.EllipticCurvePublicKey) -> Verifier:
    """Return the function that verifies over R and S in full length, each from 1 to the order of the curve less 1."""
    native, scheme, length = key.verify, ec.ECDSA(curve.hash), curve.size
    order, zero = curve.order.to_bytes(length, "big"), bytes(length)

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != 2 * length:
            raise InvalidToken(reason="signature_length")
        r, s = signature[:length], signature[length:]
        # Bytes of one length compare like the numbers that they spell. Zero is the "psychic signature", which
        # libraries have accepted for every message.
        if not (zero < r < order and zero < s < order):
            raise InvalidToken(reason="signature_invalid")
        try:
            native(_der(r, s), signing_input, scheme)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify


def der_from_raw(raw: bytes) -> bytes:
    """Return the DER of a signature in R and S of one length, neither of which may be zero."""
    return _der(raw[: len(raw) // 2], raw[len(raw) // 2 :])


def _der(r: bytes, s: bytes) -> bytes:
    integers = _der_integer(r) + _der_integer(s)
    return _SEQUENCE[len(integers)] + integers


def _der_integer(value: bytes) -> bytes:
    """Return the DER INTEGER of big-endian bytes that are not all zero: in as few bytes as a positive one has."""
    if not value[0]:
        value = value.lstrip(b"\0")
    if value[0] > 0x7F:
        return _INTEGER[len(value) + 1] + b"\0" + value
    return _INTEGER[len(value)] + value


def raw_from_der(curve: Curve) -> Callable[[bytes], bytes]:
    """Return the function that turns the DER that the library wrote for `curve` into R and S in full length.

    It trusts its argument, and is no parser for signatures from outside.
    """
    length = curve.size

    def convert(der: bytes) -> bytes:
        # SEQUENCE and its length come first, in two bytes or three; then twice INTEGER, a length in one byte, and the
        # value, which can be shorter than R and S are, or a zero byte longer.
        start_of_r = 4 if der[1] < 0x80 else 5
        end_of_r = start_of_r + der[start_of_r - 1]
        r, s = der[start_of_r:end_of_r], der[end_of_r + 2 :]
        return r[-length:].rjust(length, b"\0") + s[-length:].rjust(length, b"\0")

    return convert
