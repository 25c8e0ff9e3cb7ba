"""Which keys are refused before they can do anything: weak, malformed, or of another kind than said.

RFC 7518 sections 3.2, 3.3 and 3.4, RFC 8725 sections 3.2 and 3.5, NIST SP 800-131A.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from tokenward.errors import ConfigurationError

MIN_HMAC_BYTES: Final = 32
MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

_PEM: Final = re.compile(rb"-{4,5} ?BEGIN ")
_OPENSSH: Final = re.compile(rb"(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[a-z0-9@.-]+[ \t]+AAAA", re.IGNORECASE)
_OPENSSH_BLOB: Final = re.compile(rb"\0\0\0.(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)", re.DOTALL)
_JWK: Final = re.compile(rb'^[\[{].*"(?:kty|keys)"\s*:', re.DOTALL)
_WHITE_SPACE: Final = re.compile(rb"\s+")

# The five y coordinates of the eight points of small order on edwards25519. A key that is one of them
# verifies signatures that nobody had to make.
_ED25519_PRIME: Final = 2**255 - 19
_ED25519_SMALL_ORDER: Final = frozenset(
    {
        0,
        1,
        _ED25519_PRIME - 1,
        int.from_bytes(
            bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
        ),
        int.from_bytes(
            bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
        ),
    }
)


class InvalidKey(ConfigurationError):
    """A key was refused: too weak, malformed, or not for this use. The description says why."""

    description = "The key cannot be used."


def check_hmac_secret(secret: bytes) -> None:
    """Refuse a secret that can be guessed, or that is really the public half of something.

    An HMAC keyed with a public key is the oldest attack on JWT: everybody has that key. So nothing that
    reads as a PEM, DER, OpenSSH or JWK key, also inside base64 or hexadecimal, becomes a secret.

    Raises:
        InvalidKey: with what is wrong.
    """
    if len(secret) < MIN_HMAC_BYTES:
        raise InvalidKey(
            f"The HMAC secret has {len(secret)} bytes; it must have at least {MIN_HMAC_BYTES} random ones."
        )
    if any(secret[period:] == secret[:-period] for period in range(1, len(secret) // 2 + 1)):
        raise InvalidKey("The HMAC secret repeats itself; it must be random.")
    if len(set(secret)) < 8:
        raise InvalidKey("The HMAC secret has fewer than 8 different bytes; it must be random.")
    for spelling in _spellings(secret):
        if _is_asymmetric(spelling):
            raise InvalidKey(
                "The HMAC secret is an asymmetric key or a certificate, which is not secret at all."
            )


def _spellings(secret: bytes) -> list[bytes]:
    """Return the secret itself and what it spells in base64, base64url and hexadecimal."""
    spellings = [secret]
    compact = _WHITE_SPACE.sub(b"", secret.strip(b"\0\xef\xbb\xbf")).rstrip(b"=")
    decoders: list[Callable[[bytes], bytes]] = [
        lambda text: base64.b64decode(text + b"=" * (-len(text) % 4), validate=True),
        lambda text: base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True),
        binascii.unhexlify,
    ]
    for decode in decoders:
        try:
            spellings.append(decode(compact))
        except (binascii.Error, ValueError):
            continue
    return spellings


def _is_asymmetric(data: bytes) -> bool:
    # Without NUL bytes, UTF-16 and a trailing terminator read like plain text.
    text = data.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\v\f")
    if _PEM.search(text) or _OPENSSH.search(text) or _OPENSSH_BLOB.match(data) or _JWK.match(text):
        return True
    return _is_der(data)


def _is_der(data: bytes) -> bool:
    """Say whether `data`, or its beginning, is a key or a certificate in DER."""
    data = data.lstrip(b" \t\r\n")
    if len(data) < 4 or data[0] != 0x30:
        return False
    # Imported here, because it takes long and only a secret that begins like DER needs it.
    from cryptography.x509 import load_der_x509_certificate

    # The length field says where the structure ends; what was appended must not hide it.
    size_of_length = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + size_of_length], "big") if size_of_length else data[1]
    der = data[: 2 + size_of_length + length]
    loaders: list[Callable[[bytes], object]] = [
        load_der_public_key,
        lambda blob: load_der_private_key(blob, None),
        load_der_x509_certificate,
    ]
    for load in loaders:
        try:
            load(der)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            # A private key under a password is told by a TypeError, and is a private key all the same.
            if isinstance(error, TypeError):
                return True
            continue
        return True
    return False


def check_rsa_numbers(numbers: RSAPublicNumbers) -> None:
    """Refuse an RSA key that is too short, too long to be cheap, or has a dangerous exponent.

    Raises:
        InvalidKey: with what is wrong.
    """
    bits = numbers.n.bit_length()
    if not MIN_RSA_BITS <= bits <= MAX_RSA_BITS:
        raise InvalidKey(f"The RSA modulus has {bits} bits; it must have {MIN_RSA_BITS} to {MAX_RSA_BITS}.")
    if numbers.n % 2 == 0:
        raise InvalidKey("The RSA modulus is even.")
    # An exponent of 3 makes padding mistakes fatal, and a huge one makes each verification costly.
    if numbers.e % 2 == 0 or not 3 < numbers.e < 2**32:
        raise InvalidKey("The RSA exponent must be odd, greater than 3 and less than 2**32; 65537 is usual.")


def check_ed25519_point(encoded: bytes) -> None:
    """Refuse an Ed25519 public key that is not canonical, or of small order (RFC 8032 section 5.1.3).

    Raises:
        InvalidKey: with what is wrong.
    """
    if len(encoded) != 32:
        raise InvalidKey(f"The Ed25519 public key has {len(encoded)} bytes; it must have 32.")
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    if y >= _ED25519_PRIME:
        raise InvalidKey("The Ed25519 public key is not in canonical form.")
    if y in _ED25519_SMALL_ORDER:
        raise InvalidKey("The Ed25519 public key is a point of small order.")
