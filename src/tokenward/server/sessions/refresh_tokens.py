"""The refresh token: its bytes on the wire, and the secret that is computed and never stored.

    twr_ base64url( version(1) ‖ key number(3) ‖ sid(16) ‖ generation(8) ‖ secret(32) ‖ checksum(3) )

    secret = HMAC-SHA-256(K, "tokenward-refresh-1" ‖ version ‖ key number ‖ sid ‖ salt ‖ generation)

The 63 bytes make exactly 84 characters, so each token has one spelling. `salt` stands in the session's row only and
`K` in the key ring only: a stolen database refreshes nothing, and a stolen `K` alone neither. The checksum tells a
typing error from a forgery without a look at the database; it protects nothing.
"""

import zlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import NamedTuple

from cryptography.hazmat.primitives.constant_time import bytes_eq

from tokenward.errors import Error
from tokenward.protocol.errors import INVALID_GRANT
from tokenward.server.keyring.ring import RefreshKey

PREFIX = "twr_"
VERSION = 1
GENERATION_MAX = 2**63 - 1
_ENCODED_LENGTH = 84
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_CONTEXT = b"tokenward-refresh-1"


class InvalidGrant(Error):
    """The refresh token is not accepted. Outwardly there is one answer, whatever the `reason`."""

    code = INVALID_GRANT
    status = 400
    description = "The refresh token is invalid, expired, used or revoked. Sign in again."


class PresentedToken(NamedTuple):
    """What a refresh token says of itself. Nothing of it is verified until `check_secret`."""

    key_number: int
    sid: bytes
    generation: int
    secret: bytes


def encode(key: RefreshKey, sid: bytes, salt: bytes, generation: int) -> str:
    """The refresh token of `generation` for the session `sid` (16 bytes) with its `salt` (16 bytes)."""
    head = _head(key.number, sid, generation)
    body = head + _secret(key, head, salt)
    return PREFIX + urlsafe_b64encode(body + _checksum(body)).decode()


def decode(token: str) -> PresentedToken:
    """Take a token apart. Checks form and checksum only; `check_secret` must follow.

    Raises:
        InvalidGrant: it is not a token of ours, or it was mistyped.
    """
    text = token[len(PREFIX) :]
    if not token.startswith(PREFIX) or len(text) != _ENCODED_LENGTH or not _ALPHABET.issuperset(text):
        raise InvalidGrant(reason="refresh token: wrong form")
    raw = urlsafe_b64decode(text)
    body = raw[:60]
    if raw[0] != VERSION or _checksum(body) != raw[60:]:
        raise InvalidGrant(reason="refresh token: wrong version or checksum")
    generation = int.from_bytes(raw[20:28])
    if generation > GENERATION_MAX:
        raise InvalidGrant(reason="refresh token: generation out of range")
    return PresentedToken(int.from_bytes(raw[1:4]), raw[4:20], generation, raw[28:60])


def check_secret(presented: PresentedToken, key: RefreshKey, salt: bytes) -> None:
    """Verify that the server made this token.

    Raises:
        InvalidGrant: it was forged. Nothing may be written then: `sid` stands in every access token, and who only
            knows it must not be able to end the session.
    """
    head = _head(presented.key_number, presented.sid, presented.generation)
    if not bytes_eq(_secret(key, head, salt), presented.secret):
        raise InvalidGrant(reason="refresh token: forged")


def _head(key_number: int, sid: bytes, generation: int) -> bytes:
    return b"%c%b%b%b" % (VERSION, key_number.to_bytes(3), sid, generation.to_bytes(8))


def _secret(key: RefreshKey, head: bytes, salt: bytes) -> bytes:
    return key.mac(b"%b%b%b%b" % (_CONTEXT, head[:20], salt, head[20:]))


def _checksum(body: bytes) -> bytes:
    return (zlib.crc32(body) & 0xFFFFFF).to_bytes(3)
