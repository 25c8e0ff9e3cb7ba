"""Wrapping: private keys leave this process only sealed by the master key."""

import base64
import binascii
import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tokenward.errors import ConfigurationError

_VERSION = b"\x01"
_NONCE_BYTES = 12
_KEY_BYTES = 32
_COMMAND_TIMEOUT_SECONDS = 30

HOW_TO_MAKE_ONE = "make one with: openssl rand -base64 32"


class WrongMasterKey(ConfigurationError):
    """The master key given is not the one that sealed what the database holds."""


class MasterKey:
    """The key that seals all others: AES-256-GCM, with purpose and key id as associated data.

    A wrapped secret opens only under the purpose and id it was made for, so that somebody who can write to the
    database cannot put one key in the place of another.

    While the master key is being changed two are at hand: all is sealed by the one, and what the other sealed still
    opens. A key that came from a file is read again when something does not open, so that a running server goes over
    to the new one by itself (`tokenward keys rewrap`).
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != _KEY_BYTES:
            msg = f"the master key has {len(key)} bytes and must have {_KEY_BYTES}; {HOW_TO_MAKE_ONE}"
            raise ConfigurationError(msg)
        if len(set(key)) == 1:
            msg = f"the master key is one byte repeated, which anybody can guess; {HOW_TO_MAKE_ONE}"
            raise ConfigurationError(msg)
        self._key = key
        self._aead = AESGCM(key)
        self._previous: tuple[AESGCM, ...] = ()
        self._previous_keys: tuple[bytes, ...] = ()
        self._file: Path | None = None

    @classmethod
    def parse(cls, text: str, source: str) -> Self:
        """From text: 32 bytes in base64, base64url or hexadecimal. `source` names where the text came from."""
        stripped = text.strip()
        try:
            if re.fullmatch(r"[0-9a-fA-F]{64}", stripped):
                return cls(bytes.fromhex(stripped))
            plain = stripped.replace("-", "+").replace("_", "/").rstrip("=")
            return cls(base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True))
        except (ValueError, binascii.Error):
            msg = f"{source} holds no master key: 32 bytes in base64 or hexadecimal are wanted; {HOW_TO_MAKE_ONE}"
            raise ConfigurationError(msg) from None

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """From a file that only its owner may read."""
        try:
            mode, text = path.stat().st_mode, path.read_text(encoding="ascii")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text"
            msg = f"the master key file {path} cannot be read: {reason}"
            raise ConfigurationError(msg) from None
        if mode & 0o077:
            msg = f"the master key file {path} may be read by others than its owner; run: chmod 600 {path}"
            raise ConfigurationError(msg)
        master_key = cls.parse(text, f"the file {path}")
        master_key._file = path
        return master_key

    @classmethod
    def from_command(cls, command: str) -> Self:
        """From what a command prints; a key management service or a vault is reached through one."""
        try:
            # The operator wrote this command into the settings; a shell is what they expect to run it.
            done = subprocess.run(  # noqa: S602
                command,
                shell=True,
                capture_output=True,
                text=True,
                timeout=_COMMAND_TIMEOUT_SECONDS,
                check=True,
            )
        except subprocess.TimeoutExpired:
            msg = f"master_key_command did not end within {_COMMAND_TIMEOUT_SECONDS} seconds"
            raise ConfigurationError(msg) from None
        except UnicodeDecodeError:
            msg = (
                f"master_key_command printed bytes that are no text; have it print base64. {HOW_TO_MAKE_ONE}"
            )
            raise ConfigurationError(msg) from None
        except subprocess.CalledProcessError as error:
            msg = f"master_key_command ended with status {error.returncode}; run it by hand to see why"
            raise ConfigurationError(msg) from None
        return cls.parse(done.stdout, "what master_key_command printed")

    @classmethod
    def from_new_or_existing_file(cls, path: Path) -> Self:
        """From `path`, which is made (mode 0600, fresh random key) when it is not there. For `--dev` only."""
        if not path.exists():
            # Written beside and linked whole, or else a kill in between would leave an empty key that fits nothing.
            fresh = path.with_name(f"{path.name}.{os.getpid()}")
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
                file.flush()
                # Keys are sealed with it and stored durably; one lost to a power cut would lose them all.
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(fresh)
            fresh.unlink()
            folder = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return cls.from_file(path)

    def accept_previous(self, previous: "MasterKey") -> None:
        """Open from now on what `previous` sealed too; nothing is sealed by it."""
        self._previous = (*self._previous, previous._aead)
        self._previous_keys = (*self._previous_keys, previous._key)

    def derive(self, purpose: str) -> bytes:
        """32 bytes that follow from the master key and `purpose`, and tell nothing about either (RFC 5869)."""
        return _derive(self._key, purpose)

    def derive_each(self, purpose: str) -> tuple[bytes, ...]:
        """As `derive`, and behind it what follows from each previous master key that is accepted too."""
        return tuple(_derive(key, purpose) for key in (self._key, *self._previous_keys))

    def wrap(self, secret: bytes, *, purpose: str, key_id: str) -> bytes:
        """Seal `secret` for `purpose` and `key_id`."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._aead.encrypt(nonce, secret, _associated_data(purpose, key_id))

    def unwrap(self, wrapped: bytes, *, purpose: str, key_id: str) -> bytes:
        """Open what `wrap` sealed.

        Raises:
            WrongMasterKey: another master key sealed it, or the stored bytes were changed.
        """
        for aead in (self._aead, *self._previous):
            opened = _open(aead, wrapped, purpose, key_id)
            if opened is not None:
                return opened
        opened = _open(self._aead, wrapped, purpose, key_id) if self._read_file_again() else None
        if opened is None:
            msg = (
                f"the master key does not open the {purpose} key {key_id} in this database; "
                "give the master key that the database was made with. If it is lost for ever: "
                "tokenward keys reset --lost-master-key"
            )
            raise WrongMasterKey(msg)
        return opened

    def is_current(self, wrapped: bytes, *, purpose: str, key_id: str) -> bool:
        """Whether it is this master key, and not a previous one, that sealed it."""
        return _open(self._aead, wrapped, purpose, key_id) is not None

    def opens(self, wrapped: bytes, *, purpose: str, key_id: str) -> bool:
        """Whether this master key, or a previous one that is accepted too, sealed it."""
        return any(
            _open(aead, wrapped, purpose, key_id) is not None for aead in (self._aead, *self._previous)
        )

    def _read_file_again(self) -> bool:
        """Whether the file of the key holds another one by now, which is the current one from here on."""
        if self._file is None:
            return False
        try:
            fresh = self.from_file(self._file)
        except ConfigurationError:
            return False
        if fresh._key == self._key:
            return False
        self._previous = (self._aead, *self._previous)
        self._previous_keys = (self._key, *self._previous_keys)
        self._key, self._aead = fresh._key, fresh._aead
        return True


def _derive(key: bytes, purpose: str) -> bytes:
    info = f"tokenward-derive-1\x00{purpose}".encode()
    return HKDF(SHA256(), _KEY_BYTES, salt=None, info=info).derive(key)


def _open(aead: AESGCM, wrapped: bytes, purpose: str, key_id: str) -> bytes | None:
    if wrapped[:1] != _VERSION:
        return None
    nonce, sealed = wrapped[1 : 1 + _NONCE_BYTES], wrapped[1 + _NONCE_BYTES :]
    try:
        return aead.decrypt(nonce, sealed, _associated_data(purpose, key_id))
    except (InvalidTag, ValueError):
        return None


def _associated_data(purpose: str, key_id: str) -> bytes:
    return f"tokenward-wrap-1\x00{purpose}\x00{key_id}".encode()
