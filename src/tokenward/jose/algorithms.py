"""The signature algorithms: one pair of functions for each key (RFC 7518 section 3, RFC 8037 section 3.1).

A signer turns the signing input into the raw signature of JWS. A verifier raises `InvalidToken`, or returns
nothing. What must stay the same between two calls is prepared when the function is made. Whether a key is
strong enough is checked in `key_strength`, and who may use it in `jwk`.
"""

from collections.abc import Callable
from hmac import compare_digest
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from tokenward.errors import InvalidToken

Signer = Callable[[bytes], bytes]
Verifier = Callable[[bytes, bytes], None]

HS256: Final = "HS256"
RS256: Final = "RS256"
ES256: Final = "ES256"
EDDSA: Final = "EdDSA"
ED25519: Final = "Ed25519"
SUPPORTED: Final = frozenset({HS256, RS256, ES256, EDDSA, ED25519})
"""Every algorithm there is. `none` is not one, and no name is compared in another case or after trimming."""

P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_ORDER_BYTES: Final = P256_ORDER.to_bytes(32, "big")
_ZERO: Final = bytes(32)
_ECDSA_SHA256: Final = ECDSA(SHA256())
_PKCS1: Final = PKCS1v15()
_SHA256: Final = SHA256()


def names_of(alg: str) -> frozenset[str]:
    """Return the header values that mean the same algorithm as `alg`.

    `EdDSA` with an Ed25519 key and `Ed25519` are one algorithm with two registered names (RFC 9864 section
    2.2).
    """
    return frozenset({EDDSA, ED25519}) if alg in (EDDSA, ED25519) else frozenset({alg})


def hs256_signer(secret: bytes) -> Signer:
    """Return the function that computes HMAC with SHA-256 under `secret`."""
    # Keying hashes two blocks and sets up the library; a copy of a keyed object does without, in under half
    # the time.
    copy_keyed = HMAC(secret, _SHA256).copy

    def sign(signing_input: bytes) -> bytes:
        mac = copy_keyed()
        mac.update(signing_input)
        return mac.finalize()

    return sign


def hs256_verifier(sign: Signer) -> Verifier:
    """Return the function that checks the code that `sign` computes, in constant time and in full length."""

    def verify(signing_input: bytes, signature: bytes) -> None:
        if not compare_digest(sign(signing_input), signature):
            raise InvalidToken(reason="signature_invalid")

    return verify


def rs256_signer(key: RSAPrivateKey) -> Signer:
    """Return the function that signs with RSASSA-PKCS1-v1_5 and SHA-256."""
    native = key.sign

    def sign(signing_input: bytes) -> bytes:
        return native(signing_input, _PKCS1, _SHA256)

    return sign


def rs256_verifier(key: RSAPublicKey) -> Verifier:
    """Return the function that verifies RSASSA-PKCS1-v1_5 with SHA-256, in the length of the modulus."""
    native = key.verify
    length = (key.key_size + 7) // 8

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != length:
            raise InvalidToken(reason="signature_length")
        try:
            native(signature, signing_input, _PKCS1, _SHA256)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify


def es256_signer(key: EllipticCurvePrivateKey) -> Signer:
    """Return the function that signs with ECDSA on P-256 and SHA-256, and gives R and S of 32 bytes each."""
    native = key.sign

    def sign(signing_input: bytes) -> bytes:
        # The library writes DER: SEQUENCE, length, then twice INTEGER, length, value; all lengths are one
        # byte.
        der = native(signing_input, _ECDSA_SHA256)
        end_of_r = 4 + der[3]
        return der[4:end_of_r][-32:].rjust(32, b"\0") + der[end_of_r + 2 :][-32:].rjust(32, b"\0")

    return sign


def es256_verifier(key: EllipticCurvePublicKey) -> Verifier:
    """Return the function that verifies ECDSA on P-256 with SHA-256 over R and S of 32 bytes each."""
    native = key.verify

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != 64:
            raise InvalidToken(reason="signature_length")
        r, s = signature[:32], signature[32:]
        # Bytes of one length compare like the numbers that they spell. Zero is the "psychic signature", which
        # libraries have accepted for every message.
        if not (_ZERO < r < _P256_ORDER_BYTES and _ZERO < s < _P256_ORDER_BYTES):
            raise InvalidToken(reason="signature_invalid")
        integers = _der_integer(r) + _der_integer(s)
        try:
            native(b"\x30" + len(integers).to_bytes() + integers, signing_input, _ECDSA_SHA256)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify


def _der_integer(value: bytes) -> bytes:
    """Return the DER INTEGER of 32 big-endian bytes that are not all zero."""
    first = value[0]
    if first > 0x7F:
        return b"\x02\x21\x00" + value
    if first:
        return b"\x02\x20" + value
    value = value.lstrip(b"\0")
    if value[0] > 0x7F:
        value = b"\0" + value
    return b"\x02" + len(value).to_bytes() + value


def ed25519_signer(key: Ed25519PrivateKey) -> Signer:
    """Return the function that signs with Ed25519."""
    return key.sign


def ed25519_verifier(key: Ed25519PublicKey) -> Verifier:
    """Return the function that verifies Ed25519 over a signature of 64 bytes."""
    native = key.verify

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != 64:
            raise InvalidToken(reason="signature_length")
        try:
            native(signature, signing_input)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify
