"""HMAC with SHA-2: `HS256`, `HS384` and `HS512` (RFC 7518 section 3.2)."""

from hmac import compare_digest
from typing import Final

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC

from tokenward.errors import InvalidToken
from tokenward.jose import algorithms
from tokenward.jose.algorithms import Signer, Verifier

_HASHES: Final[dict[str, HashAlgorithm]] = {
    algorithms.HS256: SHA256(),
    algorithms.HS384: SHA384(),
    algorithms.HS512: SHA512(),
}


_TO_URL: Final = bytes.maketrans(b"+/", b"-_")


def signer(alg: str, secret: bytes) -> Signer:
    """Return the function that computes the code under `secret`."""
    # Keying hashes two blocks and sets up the library; a copy of a keyed object does without, in under half
    # the time.
    copy_keyed = HMAC(secret, _HASHES[alg]).copy

    def sign(signing_input: bytes) -> bytes:
        mac = copy_keyed()
        mac.update(signing_input)
        return mac.finalize()

    return sign


def verifier(sign: Signer) -> Verifier:
    """Return the function that checks the code that `sign` computes, in constant time and in full length."""

    def verify(signing_input: bytes, signature: bytes) -> None:
        if not compare_digest(sign(signing_input), signature):
            raise InvalidToken(reason="signature_invalid")

    return verify


def encoded_verifier(alg: str, secret: bytes) -> Verifier:
    """Return the function that checks a code in base64url by encoding the right one.

    No other spelling can be equal to it, so that only the canonical one is accepted without decoding anything.
    """
    # What `signer` and `base64url.encode` do, in one function: for so short a code the calls cost as much as the rest.
    copy_keyed = HMAC(secret, _HASHES[alg]).copy
    encode = msgspec.json.Encoder().encode
    # After the quote, without padding: four letters for each three bytes.
    end = 1 + (_HASHES[alg].digest_size * 4 + 2) // 3

    def verify_encoded(signing_input: bytes, encoded: bytes) -> None:
        mac = copy_keyed()
        mac.update(signing_input)
        if not compare_digest(encode(mac.finalize())[1:end].translate(_TO_URL), encoded):
            raise InvalidToken(reason="signature_invalid")

    return verify_encoded
