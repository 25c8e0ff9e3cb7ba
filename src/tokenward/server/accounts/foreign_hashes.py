"""Password hashes that another system made: which of them are taken over, and what it takes to verify one.

Owns the forms (modular crypt, PHC, Django's, Werkzeug's) and the bounds of what one verification may cost. Does not
own the computing, which is done in `hashing_process`, and not the replacing at the first sign-in, which is `Accounts`'.

A stored hash that begins with `$argon2` is our own. A foreign Argon2 hash is kept as Django writes it,
`argon2$argon2id$…`, so that the two can be told apart: what was typed is normalised for our own only.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import NamedTuple

from tokenward.errors import InvalidRequest

WEAK, COSTLY, UNKNOWN = "weak_hash", "costly_hash", "unknown_hash"

_OWN = "$argon2"
_LONGEST = 512
_SALT_BYTES = (8, 128)
_DIGEST_BYTES = (16, 128)
# What anybody guesses through at once is refused, and so is what would hold up a hashing process for more than about
# a second, or take much memory: whoever knows such an account could hold up every sign-in by guessing at it.
_BCRYPT_COST = (8, 14)
_PBKDF2_ITERATIONS = (1_000, 4_000_000)
_SCRYPT_MEMORY = (1 << 20, 1 << 27)
_SCRYPT_WORK = 1 << 29
_SCRYPT_BLOCK = 32
_ARGON2_MEMORY_KIB = (8, 1 << 18)
_ARGON2_WORK_KIB = (1_024, 1 << 20)
_MOST_LANES = 16

_DIGEST_SIZES = {"sha1": 20, "sha256": 32, "sha512": 64}
# A hash without a salt, or one so fast that the salt does not help.
_FAST = re.compile(
    r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{56}|[0-9a-fA-F]{64}|[0-9a-fA-F]{96}|[0-9a-fA-F]{128})"
    r"|(?i:\$1\$|\$apr1\$|\{(?:s?md5|s?sha\d*)\}|(?:unsalted_|hmac_)?(?:md5|sha\d{1,3})[$:]|crypt\$).*"
)

# The salt and the digest of bcrypt end in the middle of a character, whose other bits are zero.
_BCRYPT = r"(\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{21}[.Oeu])([./A-Za-z0-9]{30}[.CGKOSWaeimquy26])"
_TEXT_SALT = r"([!-#%-~]+)"
_BASE64 = r"([A-Za-z0-9+/.]+)"
_PADDED = r"([A-Za-z0-9+/]+={0,2})"
_HEX = r"((?:[0-9a-f]{2})+)"
_NUMBER = r"([1-9]\d{0,8})"


class UnusableHash(InvalidRequest):
    """A password hash that is not taken over. `reason` is `weak_hash`, `costly_hash` or `unknown_hash`."""

    description = "The password hash cannot be taken over."

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class ForeignHash(NamedTuple):
    """A hash of another system: its scheme, the text that is stored, and the request to `hashing_process`."""

    scheme: str
    stored: str
    work: dict[str, str | int | bool]


def is_foreign(stored: str) -> bool:
    """Whether a stored hash is none of our own making."""
    return not stored.startswith(_OWN)


def read_foreign(text: str) -> ForeignHash:
    """Read a hash as another system wrote it, or as it is stored here.

    Raises:
        UnusableHash: it is of no form that is known, too weak to be kept, or too costly to be verified.
    """
    if len(text) <= _LONGEST:
        for form, reader in _FORMS:
            found = form.fullmatch(text)
            if found is not None:
                return reader(text, found)
    raise UnusableHash(WEAK if _FAST.fullmatch(text) else UNKNOWN)


def pbkdf2_text(hash_name: str, iterations: int, salt: bytes, digest: bytes) -> str:
    """The PHC text of a PBKDF2 hash whose system has no text for it."""
    return f"$pbkdf2-{hash_name}$i={iterations}${_unpadded(salt)}${_unpadded(digest)}"


def argon2_text(
    kind: str, version: int, memory_kib: int, passes: int, lanes: int, salt: bytes, digest: bytes
) -> str:
    """The text of an Argon2 hash whose system has no text for it."""
    parameters = f"v={version}$m={memory_kib},t={passes},p={lanes}"
    return f"argon2${kind}${parameters}${_unpadded(salt)}${_unpadded(digest)}"


def _bcrypt(text: str, found: re.Match[str]) -> ForeignHash:
    return _bcrypt_of(text, found, prehashed=False)


def _bcrypt_sha256(text: str, found: re.Match[str]) -> ForeignHash:
    return _bcrypt_of(text, found, prehashed=True)


def _bcrypt_of(text: str, found: re.Match[str], *, prehashed: bool) -> ForeignHash:
    salt, cost, digest = found.groups()
    _check_between(int(cost), _BCRYPT_COST)
    work: dict[str, str | int | bool] = {
        "scheme": "bcrypt",
        "salt": salt,
        "digest": digest,
        "prehashed": prehashed,
    }
    return ForeignHash("bcrypt_sha256" if prehashed else "bcrypt", text, work)


def _django_pbkdf2(text: str, found: re.Match[str]) -> ForeignHash:
    hash_name, iterations, salt, digest = found.groups()
    return _pbkdf2(text, hash_name, int(iterations), salt.encode(), _from_base64(digest))


def _werkzeug_pbkdf2(text: str, found: re.Match[str]) -> ForeignHash:
    hash_name, iterations, salt, digest = found.groups()
    return _pbkdf2(text, hash_name, int(iterations), salt.encode(), bytes.fromhex(digest))


def _phc_pbkdf2(text: str, found: re.Match[str]) -> ForeignHash:
    hash_name, iterations, salt, digest = found.groups()
    # Passlib names SHA-1 by naming nothing.
    return _pbkdf2(text, hash_name or "sha1", int(iterations), _from_base64(salt), _from_base64(digest))


def _pbkdf2(text: str, hash_name: str, iterations: int, salt: bytes, digest: bytes) -> ForeignHash:
    _check_lengths(salt, digest)
    if iterations < _PBKDF2_ITERATIONS[0]:
        raise UnusableHash(WEAK)
    # Each block of a longer digest is computed by itself.
    blocks = -(-len(digest) // _DIGEST_SIZES[hash_name])
    _check_between(iterations * blocks, _PBKDF2_ITERATIONS)
    work: dict[str, str | int | bool] = {
        "scheme": "pbkdf2",
        "hash_name": hash_name,
        "iterations": iterations,
        "salt": _padded(salt),
        "digest": _padded(digest),
    }
    return ForeignHash(f"pbkdf2_{hash_name}", text, work)


def _django_scrypt(text: str, found: re.Match[str]) -> ForeignHash:
    n, salt, r, p, digest = found.groups()
    return _scrypt(text, (int(n), int(r), int(p)), salt.encode(), _from_base64(digest))


def _werkzeug_scrypt(text: str, found: re.Match[str]) -> ForeignHash:
    n, r, p, salt, digest = found.groups()
    return _scrypt(text, (int(n), int(r), int(p)), salt.encode(), bytes.fromhex(digest))


def _phc_scrypt(text: str, found: re.Match[str]) -> ForeignHash:
    exponent, r, p, salt, digest = found.groups()
    costs = (1 << int(exponent), int(r), int(p))
    return _scrypt(text, costs, _from_base64(salt), _from_base64(digest))


def _scrypt(text: str, costs: tuple[int, int, int], salt: bytes, digest: bytes) -> ForeignHash:
    n, r, p = costs
    _check_lengths(salt, digest)
    if n < 2 or n & (n - 1) or not 1 <= r <= _SCRYPT_BLOCK or not 1 <= p <= _MOST_LANES:
        raise UnusableHash(UNKNOWN)
    _check_between(128 * n * r, _SCRYPT_MEMORY)
    if 128 * n * r * p > _SCRYPT_WORK:
        raise UnusableHash(COSTLY)
    work: dict[str, str | int | bool] = {
        "scheme": "scrypt",
        "n": n,
        "r": r,
        "p": p,
        "salt": _padded(salt),
        "digest": _padded(digest),
    }
    return ForeignHash("scrypt", text, work)


def _argon2(text: str, found: re.Match[str]) -> ForeignHash:
    kind, memory_kib, passes, lanes, salt, digest = found.groups()
    _check_lengths(_from_base64(salt), _from_base64(digest))
    memory, work_kib, p = int(memory_kib), int(memory_kib) * int(passes), int(lanes)
    _check_between(memory, _ARGON2_MEMORY_KIB)
    _check_between(work_kib, _ARGON2_WORK_KIB)
    # The standard demands eight blocks for each lane (RFC 9106, section 3.1).
    if not 1 <= p <= _MOST_LANES or memory < 8 * p:
        raise UnusableHash(UNKNOWN)
    encoded = text.removeprefix("argon2")
    return ForeignHash(kind, "argon2" + encoded, {"scheme": "argon2", "hash": encoded})


_Reader = Callable[[str, re.Match[str]], ForeignHash]
_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = tuple(
    (re.compile(form, re.ASCII), reader)
    for form, reader in (
        (r"(?:bcrypt\$)?" + _BCRYPT, _bcrypt),
        (r"bcrypt_sha256\$" + _BCRYPT, _bcrypt_sha256),
        (rf"pbkdf2_(sha1|sha256)\${_NUMBER}\${_TEXT_SALT}\${_PADDED}", _django_pbkdf2),
        (rf"pbkdf2:(sha1|sha256|sha512):{_NUMBER}\${_TEXT_SALT}\${_HEX}", _werkzeug_pbkdf2),
        (
            rf"\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?{_NUMBER}(?:,l=\d+)?\${_BASE64}\${_BASE64}",
            _phc_pbkdf2,
        ),
        (rf"scrypt\${_NUMBER}\${_TEXT_SALT}\${_NUMBER}\${_NUMBER}\${_PADDED}", _django_scrypt),
        (rf"scrypt:{_NUMBER}:{_NUMBER}:{_NUMBER}\${_TEXT_SALT}\${_HEX}", _werkzeug_scrypt),
        (rf"\$scrypt\$ln=(\d{{1,2}}),r={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}", _phc_scrypt),
        (
            rf"(?:argon2)?\$(argon2id?)\$v=(?:16|19)\$m={_NUMBER},t={_NUMBER},p={_NUMBER}\${_BASE64}\${_BASE64}",
            _argon2,
        ),
    )
)


def _check_between(cost: int, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if cost < least:
        raise UnusableHash(WEAK)
    if cost > most:
        raise UnusableHash(COSTLY)


def _check_lengths(salt: bytes, digest: bytes) -> None:
    for part, (least, most) in ((salt, _SALT_BYTES), (digest, _DIGEST_BYTES)):
        if len(part) < least:
            raise UnusableHash(WEAK)
        if len(part) > most:
            raise UnusableHash(UNKNOWN)


def _from_base64(text: str) -> bytes:
    """Padded or not; Passlib writes a dot for the plus sign. Bits that nobody reads must be zero."""
    plain = text.rstrip("=").replace(".", "+")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise UnusableHash(UNKNOWN) from None
    if _unpadded(data) != plain:
        raise UnusableHash(UNKNOWN)
    return data


def _unpadded(data: bytes) -> str:
    return _padded(data).rstrip("=")


def _padded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
