"""RSASSA with PKCS#1 v1.5 padding and with PSS (RFC 7518 sections 3.3 and 3.5)."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm

from tokenward.errors import InvalidToken
from tokenward.jose import algorithms
from tokenward.jose.algorithms import Signer, Verifier


def _pss(hashed: HashAlgorithm) -> PSS:
    # The salt has the length of the hash and no other; a verifier that takes any length accepts signatures that
    # the standard does not know.
    return PSS(MGF1(hashed), hashed.digest_size)


_PARAMETERS: Final[dict[str, tuple[AsymmetricPadding, HashAlgorithm]]] = {
    algorithms.RS256: (PKCS1v15(), SHA256()),
    algorithms.RS384: (PKCS1v15(), SHA384()),
    algorithms.RS512: (PKCS1v15(), SHA512()),
    algorithms.PS256: (_pss(SHA256()), SHA256()),
    algorithms.PS384: (_pss(SHA384()), SHA384()),
    algorithms.PS512: (_pss(SHA512()), SHA512()),
}


def signer(alg: str, key: RSAPrivateKey) -> Signer:
    """Return the function that signs with `key` by `alg`."""
    native = key.sign
    padding, hashed = _PARAMETERS[alg]

    def sign(signing_input: bytes) -> bytes:
        return native(signing_input, padding, hashed)

    return sign


def verifier(alg: str, key: RSAPublicKey) -> Verifier:
    """Return the function that verifies with `key` by `alg`, a signature in the length of the modulus."""
    native = key.verify
    padding, hashed = _PARAMETERS[alg]
    length = (key.key_size + 7) // 8

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != length:
            raise InvalidToken(reason="signature_length")
        try:
            native(signature, signing_input, padding, hashed)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify
