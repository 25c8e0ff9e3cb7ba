"""Which keys are refused before they can do anything: weak, malformed, or of another kind than said.

RFC 7518 sections 3.2, 3.3 and 3.4, RFC 8032 sections 5.1.3 and 5.2.3, RFC 8725 sections 3.2 and 3.5, NIST SP 800-131A.
"""

import binascii
import math
import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from tokenward.errors import ConfigurationError
from tokenward.jose.edwards import Edwards

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

# What is longer is hashed before it is used, and to look for what it may be takes time by the square of its length.
_MAX_SECRET_BYTES: Final = 8192

# What a secret must not look like. These are compiled on first use, since most programs have no secret to look at.
_PEM: Final = rb"-{4,5} ?BEGIN "
_OPENSSH: Final = rb"(?i:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)[a-zA-Z0-9@.-]+[ \t]+AAAA"
_OPENSSH_BLOB: Final = rb"(?s)\0\0\0.(?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-)"
_JWK: Final = rb'(?s)[\[{].*"(?:kty|keys)"\s*:'
_TO_STANDARD_ALPHABET: Final = bytes.maketrans(b"-_", b"+/")

_ROCA_GENERATOR: Final = 65537
_ROCA_LARGEST_PRIME: Final = 167


class InvalidKey(ConfigurationError):
    """A key was refused: too weak, malformed, or not for this use. The description says why."""

    description = "The key cannot be used."


class UnsupportedKey(InvalidKey):
    """A key that may be good, but of a type, curve, algorithm or use that is not ours to verify with."""


def check_hmac_secret(secret: bytes, min_bytes: int) -> None:
    """Refuse a secret that is too short or too long, can be guessed, or is really the public half of something.

    An HMAC keyed with a public key is the oldest attack on JWT: everybody has that key. So nothing that
    reads as a PEM, DER, OpenSSH or JWK key, also inside base64 or hexadecimal, becomes a secret.

    Raises:
        InvalidKey: with what is wrong.
    """
    if len(secret) < min_bytes:
        raise InvalidKey(
            f"The HMAC secret has {len(secret)} bytes; it must have at least {min_bytes} random ones."
        )
    if len(secret) > _MAX_SECRET_BYTES:
        raise InvalidKey(
            f"The HMAC secret has {len(secret)} bytes; it must have at most {_MAX_SECRET_BYTES}, and 64 are enough."
        )
    if any(secret[period:] == secret[:-period] for period in range(1, len(secret) // 2 + 1)):
        raise InvalidKey("The HMAC secret repeats itself; it must be random.")
    if len(set(secret)) < 8:
        raise InvalidKey("The HMAC secret has fewer than 8 different bytes; it must be random.")
    for spelling in _spellings(secret):
        if _is_asymmetric(spelling):
            raise InvalidKey(
                "The HMAC secret is an asymmetric key or a certificate, which is not secret at all; "
                "it must be random bytes."
            )


def _spellings(secret: bytes) -> list[bytes]:
    """Return the secret itself and what it spells in base64, base64url and hexadecimal."""
    spellings = [secret]
    compact = b"".join(secret.strip(b"\0\xef\xbb\xbf").split()).rstrip(b"=")
    padded = compact.translate(_TO_STANDARD_ALPHABET) + b"=" * (-len(compact) % 4)
    for decode, text in ((_from_base64, padded), (binascii.unhexlify, compact)):
        try:
            spellings.append(decode(text))
        except ValueError:
            continue
    return spellings


def _from_base64(text: bytes) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def _is_asymmetric(data: bytes) -> bool:
    # Without NUL bytes, UTF-16 and a trailing terminator read like plain text.
    text = data.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\v\f")
    if (
        re.search(_PEM, text)
        or re.search(_OPENSSH, text)
        or re.match(_OPENSSH_BLOB, data)
        or re.match(_JWK, text)
    ):
        return True
    return _is_der(data)


def _is_der(data: bytes) -> bool:
    """Say whether `data`, or its beginning, is a key or a certificate in DER."""
    data = data.lstrip(b" \t\r\n")
    if len(data) < 4 or data[0] != 0x30:
        return False
    # Imported here, because they take long and only a secret that begins like DER needs them.
    from cryptography.exceptions import InternalError, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key
    from cryptography.x509 import InvalidVersion, load_der_x509_certificate

    # The length field says where the structure ends; what was appended must not hide it.
    size_of_length = data[1] & 0x7F if data[1] & 0x80 else 0
    length = int.from_bytes(data[2 : 2 + size_of_length], "big") if size_of_length else data[1]
    der = data[: 2 + size_of_length + length]
    loaders: list[Callable[[bytes], object]] = [
        load_der_public_key,
        # Whether it is a good private key does not matter, and takes long to tell.
        lambda blob: load_der_private_key(blob, None, unsafe_skip_rsa_key_validation=True),
        load_der_x509_certificate,
    ]
    for load in loaders:
        try:
            load(der)
        except (ValueError, UnsupportedAlgorithm):
            continue
        except (TypeError, InternalError, InvalidVersion, Warning):
            # It was read, and something else is wrong: a private key is under a password (TypeError) or has the length
            # of another curve, and a certificate is of an odd version or number. All the same it is no secret.
            return True
        return True
    return False


def check_rsa_numbers(numbers: "RSAPublicNumbers") -> None:
    """Refuse an RSA key that is too short, too long to be cheap, has a dangerous exponent, or was made by ROCA.

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
    if _has_roca_fingerprint(numbers.n):
        raise InvalidKey(
            "The RSA key was made by faulty hardware (ROCA) and can be factored; make a new one."
        )


@cache
def _roca_logarithms() -> list[tuple[int, int, dict[int, int]]]:
    """Return for each small odd prime: it, the order of the generator, and the logarithm of each of its powers."""
    tables = []
    for prime in range(3, _ROCA_LARGEST_PRIME + 1, 2):
        if all(prime % divisor for divisor in range(3, math.isqrt(prime) + 1, 2)):
            logarithms: dict[int, int] = {}
            power = 1
            while power not in logarithms:
                logarithms[power] = len(logarithms)
                power = power * _ROCA_GENERATOR % prime
            tables.append((prime, len(logarithms), logarithms))
    return tables


def _has_roca_fingerprint(modulus: int) -> bool:
    """Say whether `modulus` is a power of 65537 modulo the product of the primes to 167 (CVE-2017-15361).

    A library in many smart cards and TPMs made both primes of a key powers of 65537 modulo a product of the first
    primes, of more of them the longer the key. So the modulus is one too, and that makes it possible to factor it.
    Of other keys one in about 2**150 looks like this.
    """
    exponent, period = 0, 1
    for prime, order, logarithms in _roca_logarithms():
        logarithm = logarithms.get(modulus % prime)
        if logarithm is None:
            return False
        # One exponent must fit all primes: it is known modulo `period` from those before, now modulo `order` too.
        shared = math.gcd(period, order)
        if (logarithm - exponent) % shared:
            return False
        rest = order // shared
        exponent += period * ((logarithm - exponent) // shared * pow(period // shared, -1, rest) % rest)
        period *= rest
    return True


def check_edwards_point(curve: Edwards, encoded: bytes) -> None:
    """Refuse a public key that is no point of the curve, is not in canonical form, or is of small order.

    Raises:
        InvalidKey: with what is wrong.
    """
    if len(encoded) != curve.size:
        raise InvalidKey(f"The {curve.name} public key has {len(encoded)} bytes; it must have {curve.size}.")
    y = curve.y_of(encoded)
    if y >= curve.prime:
        raise InvalidKey(f"The {curve.name} public key is not in canonical form.")
    # One of these verifies signatures that nobody had to make.
    if y in curve.small_order:
        raise InvalidKey(f"The {curve.name} public key is a point of small order.")
    if not curve.has_point(y):
        raise InvalidKey(f"The {curve.name} public key is not a point on the curve.")
