"""Ed25519 by libsodium, through PyNaCl, which the extra `tokenward[sodium]` installs.

Only `eddsa` imports this module, when the first Ed25519 key is made.
"""

from collections.abc import Callable
from typing import Final

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

from tokenward.jose.algorithms import Signer

__all__ = ["BadSignatureError", "judges_as_we_do", "signer", "verify_with"]

# A signature of the message `probe` whose first half has a part of order 8. The equation of RFC 8032 section 5.1.7
# holds for it when both sides are multiplied by 8, and not without; the RFC leaves the choice. OpenSSL does without.
_PROBE_KEY: Final = bytes.fromhex("86c7df21abde001d09b74e377dd5d8bbd671eae20ad0551c8c91f584770f7716")
_PROBE_SIGNATURE: Final = bytes.fromhex(
    "13fd8de876613443fd40ef1f1e829b6f0e849496ccd01c0c41f098949e88d54a"
    "cfaf5fb0d10640ba5149c23725e54fe8391667c3ceff129e7bad1ade8b4edc02"
)


def judges_as_we_do() -> bool:
    """Say whether this libsodium refuses what OpenSSL refuses; versions that multiply by 8 do not."""
    try:
        verify_with(_PROBE_KEY)(_PROBE_SIGNATURE, b"probe")
    except BadSignatureError:
        return True
    return False


def signer(seed: bytes) -> Signer:
    """Return the function that signs with the private key of 32 bytes."""
    _, secret = crypto_sign_seed_keypair(seed)

    def sign(signing_input: bytes) -> bytes:
        return crypto_sign(signing_input, secret)[:64]

    return sign


def verify_with(public: bytes) -> Callable[[bytes, bytes], object]:
    """Return the function that takes a signature and its message, and raises `BadSignatureError` for a wrong one."""

    def verify(signature: bytes, signing_input: bytes) -> object:
        return crypto_sign_open(signature + signing_input, public)

    return verify
