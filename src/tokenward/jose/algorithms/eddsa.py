"""Ed25519 and Ed448 (RFC 8032, RFC 8037 section 3.1, RFC 9864 section 2.2).

Ed25519 is done by libsodium where PyNaCl is installed (`tokenward[sodium]`), at half the cost, and by `cryptography`
everywhere else. `prefer` takes that choice away. Both give one verdict on every signature: where one library is laxer,
the check is here, before the call.
"""

from functools import cache
from types import ModuleType
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey, Ed448PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from tokenward.errors import ConfigurationError, InvalidToken
from tokenward.jose.algorithms import Signer, Verifier
from tokenward.jose.edwards import ED448, REFUSED_ED25519

Library = Literal["cryptography", "libsodium"]

_ED448_SIGNATURE_BYTES: Final = 2 * ED448.size

_preferred: Library | None = None


def prefer(library: Library | None) -> None:
    """Let `library` do Ed25519 for every key that is made from now on; None goes back to the quicker one there is.

    Keys that exist stay with the library that they were made with.

    Raises:
        ConfigurationError: for another name, and for `libsodium` where PyNaCl is missing or its libsodium judges
            signatures differently.
    """
    global _preferred
    if library not in (None, "cryptography", "libsodium"):
        raise ConfigurationError("Ed25519 is done by `cryptography` or by `libsodium`.")
    if library == "libsodium" and _libsodium() is None:
        raise ConfigurationError("There is no libsodium that can be used: install tokenward[sodium].")
    _preferred = library


@cache
def _libsodium() -> ModuleType | None:
    """Return the module for libsodium, loaded when the first key needs it, or None where it cannot be used."""
    try:
        from tokenward.jose.algorithms import sodium
    except ImportError:
        return None
    return sodium if sodium.judges_as_we_do() else None


def _chosen() -> ModuleType | None:
    return None if _preferred == "cryptography" else _libsodium()


def ed25519_signer(key: Ed25519PrivateKey) -> Signer:
    """Return the function that signs with Ed25519."""
    sodium = _chosen()
    if sodium is None:
        return key.sign
    signer: Signer = sodium.signer(key.private_bytes_raw())
    return signer


def ed25519_verifier(key: Ed25519PublicKey) -> Verifier:
    """Return the function that verifies Ed25519 over a signature of 64 bytes."""
    sodium = _chosen()
    native, forged = (
        (key.verify, InvalidSignature)
        if sodium is None
        else (sodium.verify_with(key.public_bytes_raw()), sodium.BadSignatureError)
    )
    refused = REFUSED_ED25519

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != 64:
            raise InvalidToken(reason="signature_length")
        # The owner of a key can make a signature whose first half is a point of small order; OpenSSL takes it and
        # libsodium does not. In another spelling than the canonical one it would be a second signature.
        if signature[:32] in refused:
            raise InvalidToken(reason="signature_invalid")
        try:
            native(signature, signing_input)
        except forged:
            raise InvalidToken(reason="signature_invalid") from None

    return verify


def ed448_signer(key: Ed448PrivateKey) -> Signer:
    """Return the function that signs with Ed448."""
    return key.sign


def ed448_verifier(key: Ed448PublicKey) -> Verifier:
    """Return the function that verifies Ed448 over a signature of 114 bytes."""
    native = key.verify

    def verify(signing_input: bytes, signature: bytes) -> None:
        if len(signature) != _ED448_SIGNATURE_BYTES:
            raise InvalidToken(reason="signature_length")
        y = ED448.y_of(signature[: ED448.size])
        # The same as for Ed25519.
        if y >= ED448.prime or y in ED448.small_order:
            raise InvalidToken(reason="signature_invalid")
        try:
            native(signature, signing_input)
        except InvalidSignature:
            raise InvalidToken(reason="signature_invalid") from None

    return verify
