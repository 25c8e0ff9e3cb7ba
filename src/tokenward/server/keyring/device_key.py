"""The mark of a device: what a browser keeps after a sign-in, so that strangers cannot lock its owner out.

    base64url( version(1) ‖ random device id(16) ‖ issued at(8, seconds) ‖ HMAC-SHA-256(32) )

The MAC also covers the hash of the login, so the mark counts for that login only, and tells nobody which it is.
Nothing is stored for it. It opens no account: with it an attempt to sign in has a bucket of its own (`rate_limit`).
"""

import os
from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from tokenward.clock import Clock
from tokenward.server.keyring.wrapping import MasterKey
from tokenward.server.rate_limit import ORIGIN_KEPT_DAYS, login_hash

DEVICE_KEPT_SECONDS = ORIGIN_KEPT_DAYS * 86_400

_PURPOSE = "device"
_CONTEXT = b"tokenward-device-1"
_VERSION = b"\x01"
_ID_BYTES = 16
_ENCODED_LENGTH = 76
_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class DeviceKey:
    """Makes and verifies marks under a key that follows from the master key.

    While the master key is being changed, marks under the previous one count too; after that they count for nothing,
    and a device is a stranger until its next sign-in.
    """

    def __init__(self, master_key: MasterKey, clock: Clock) -> None:
        self._master_key = master_key
        self._clock = clock

    def make(self, login: str, device: bytes | None = None) -> str:
        """A mark for `login` as it was typed, from now on; of a new device, or of this one again."""
        at = int(self._clock.now()).to_bytes(8)
        head = _VERSION + (device or os.urandom(_ID_BYTES)) + at
        key, *_ = self._master_key.derive_each(_PURPOSE)
        return urlsafe_b64encode(head + _mac(key, head, login)).decode()

    def find_device(self, mark: str, login: str) -> bytes | None:
        """The id (16 bytes) of the device that this mark was made for; `None` unless it is a mark for `login`.

        Whatever a client sent may be passed in: what is no mark of ours, or older than 180 days, is none.
        """
        if len(mark) != _ENCODED_LENGTH or not _ALPHABET.issuperset(mark):
            return None
        raw = urlsafe_b64decode(mark)
        head, mac = raw[:25], raw[25:]
        age = int(self._clock.now()) - int.from_bytes(head[17:])
        if head[:1] != _VERSION or age >= DEVICE_KEPT_SECONDS:
            return None
        keys = self._master_key.derive_each(_PURPOSE)
        # Every key is tried, so that the time does not tell which it was.
        genuine = [bytes_eq(_mac(key, head, login), mac) for key in keys]
        return head[1:17] if any(genuine) else None


def _mac(key: bytes, head: bytes, login: str) -> bytes:
    mac = HMAC(key, SHA256())
    mac.update(_CONTEXT + head + login_hash(login))
    return mac.finalize()
