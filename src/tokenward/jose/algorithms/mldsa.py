"""ML-DSA, the signatures that quantum computers cannot forge (RFC 9964, FIPS 204).

They are long: 2420, 3309 and 4627 bytes. A token with a signature of ML-DSA-65 has about 4.5 kB, and one of ML-DSA-87
6.3 kB, so that with few claims it stays below the 8192 bytes that a verifier takes; cookies and most limits for
headers are smaller than that.
"""

from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tokenward.errors import InvalidToken
from tokenward.jose import algorithms
from tokenward.jose.algorithms import Signer, Verifier
from tokenward.jose.key_strength import InvalidKey, UnsupportedKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import mldsa

    NativePublicKey = mldsa.MLDSA44PublicKey | mldsa.MLDSA65PublicKey | mldsa.MLDSA87PublicKey
    NativePrivateKey = mldsa.MLDSA44PrivateKey | mldsa.MLDSA65PrivateKey | mldsa.MLDSA87PrivateKey

SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = {algorithms.ML_DSA_44: 1312, algorithms.ML_DSA_65: 1952, algorithms.ML_DSA_87: 2592}
_SIGNATURE_BYTES: Final = {algorithms.ML_DSA_44: 2420, algorithms.ML_DSA_65: 3309, algorithms.ML_DSA_87: 4627}

_MISSING: Final = (
    "ML-DSA needs a newer `cryptography`, built with a library that has it, such as OpenSSL 3.5."
)


def _types() -> "dict[str, tuple[type[NativePublicKey], type[NativePrivateKey]]]":
    # Imported here, because only newer versions have the module, and because few programs need it.
    try:
        from cryptography.hazmat.primitives.asymmetric import mldsa
    except ImportError:
        raise UnsupportedKey(_MISSING) from None
    return {
        algorithms.ML_DSA_44: (mldsa.MLDSA44PublicKey, mldsa.MLDSA44PrivateKey),
        algorithms.ML_DSA_65: (mldsa.MLDSA65PublicKey, mldsa.MLDSA65PrivateKey),
        algorithms.ML_DSA_87: (mldsa.MLDSA87PublicKey, mldsa.MLDSA87PrivateKey),
    }


def find_algorithm_of_public(native: object) -> str | None:
    """Return the algorithm of a public key object of `cryptography`, or None when it is for no ML-DSA.

    Raises:
        UnsupportedKey: where `cryptography` has no ML-DSA.
    """
    return next((alg for alg, types in _types().items() if isinstance(native, types[0])), None)


def find_algorithm_of_private(native: object) -> str | None:
    """Return the algorithm of a private key object of `cryptography`, or None when it is for no ML-DSA.

    Raises:
        UnsupportedKey: where `cryptography` has no ML-DSA.
    """
    return next((alg for alg, types in _types().items() if isinstance(native, types[1])), None)


def public_key(alg: str, data: bytes) -> "NativePublicKey":
    """Return the public key that `data`, of the length in `PUBLIC_BYTES`, encodes.

    Raises:
        UnsupportedKey: where `cryptography` has no ML-DSA.
        InvalidKey: when `data` is no such key.
    """
    try:
        return _types()[alg][0].from_public_bytes(data)
    except UnsupportedAlgorithm:
        raise UnsupportedKey(_MISSING) from None
    except ValueError:
        raise InvalidKey(f"The {alg} public key is malformed.") from None


def private_key(alg: str, seed: bytes | None = None) -> "NativePrivateKey":
    """Return the private key that follows from `seed`, of 32 bytes; a new random one without it.

    Raises:
        UnsupportedKey: where `cryptography` has no ML-DSA.
    """
    native_type = _types()[alg][1]
    try:
        return native_type.generate() if seed is None else native_type.from_seed_bytes(seed)
    except UnsupportedAlgorithm:
        raise UnsupportedKey(_MISSING) from None


def signer(key: "NativePrivateKey") -> Signer:
    """Return the function that signs, with the empty context."""
    native = key.sign

    def sign(signing_input: bytes) -> bytes:
        return native(signing_input)

    return sign


def verifier(alg: str, key: "NativePublicKey") -> Verifier:
    """Return the function that verifies over a signature of the one length of `alg`, with the empty context."""
    native = key.verify
    length = _SIGNATURE_BYTES[alg]

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != length:
            raise InvalidToken(reason="signature_length")
        try:
            native(signature, signing_input)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify
