"""A folder that only its owner can look into, the files in it, and a lock.

Everything is opened by way of the folder's descriptor and without following a link, so that what was checked is what is
read: a link put in the way would send tokens to, or take them from, a place of somebody else's choice.
"""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from tokenward.client.errors import TokenStoreUnavailable
from tokenward.client.token_set import TokenKey
from tokenward.clock import SystemClock
from tokenward.errors import ConfigurationError

_MAX_FILE_BYTES: Final = 1_048_576
_POLL_SECONDS: Final = 0.02
_REAL_TIME: Final = SystemClock()


def state_folder() -> Path:
    """The user's folder for tokens, by the XDG Base Directory Specification. It need not be there."""
    named = os.environ.get("XDG_STATE_HOME", "")
    # A relative path is to be ignored, says the specification: it would be another one in each folder.
    state = Path(named) if named.startswith("/") else Path.home() / ".local" / "state"
    return state / "tokenward" / "tokens"


def file_name(key: TokenKey) -> str:
    """A name without an ending, which no two keys share and no issuer can choose."""
    return sha256(f"{key.issuer}\n{key.account}".encode()).hexdigest()[:32]


class PrivateFolder:
    """The folder (0700) and its files (0600). It is made when something is written.

    Raises:
        ConfigurationError: on a system without owners and modes of files.
    """

    def __init__(self, path: Path) -> None:
        if os.name != "posix":
            raise ConfigurationError(
                "Tokens are kept on Linux and macOS only: elsewhere there is no file that others surely cannot read. "
                "Use MemoryTokenStore."
            )
        self.path = path

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None where there is none.

        Raises:
            TokenStoreUnavailable: others could read or have written it, or it cannot be read.
        """
        with self._reporting(name):
            try:
                with self._opened(make=False) as folder:
                    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
                    with os.fdopen(descriptor, "rb") as file:
                        self._check_file(descriptor, self.path / name)
                        return file.read(_MAX_FILE_BYTES)
            except FileNotFoundError:
                return None

    def write(self, name: str, content: bytes) -> None:
        """Put `content` in the place of the file, at once or not at all; on return it survives a loss of power.

        Raises:
            TokenStoreUnavailable: it is not written; what was there before is untouched.
        """
        with self._reporting(name), self._opened(make=True) as folder:
            # Nobody foresees the name, and O_EXCL refuses whatever has it.
            temporary = f"{name}.{os.urandom(8).hex()}.new"
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            try:
                with os.fdopen(os.open(temporary, flags, 0o600, dir_fd=folder), "wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(temporary, dir_fd=folder)
                raise
            os.fsync(folder)

    def remove(self, name: str) -> None:
        """Delete a file, if there is one.

        Raises:
            TokenStoreUnavailable: it is still there.
        """
        with self._reporting(name), suppress(FileNotFoundError), self._opened(make=False) as folder:
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    @contextmanager
    def locked(self, name: str, timeout_seconds: float) -> Iterator[None]:
        """Hold an advisory lock on `name`; it ends with the process. The file stays: see `server.storage.file_lock`.

        Raises:
            TokenStoreUnavailable: another process held it for so long, or it cannot be made.
        """
        # There is none on other systems, where this class is never built.
        import fcntl

        with self._reporting(name), self._opened(make=True) as folder:
            descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        try:
            with self._reporting(name):
                self._check_file(descriptor, self.path / name)
                _wait_for_lock(descriptor, timeout_seconds)
            try:
                yield
            finally:
                # Not by closing alone: a child that was forked meanwhile has the same lock, and would keep it.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
        finally:
            os.close(descriptor)

    @contextmanager
    def _opened(self, *, make: bool) -> Iterator[int]:
        if make:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                self.path.mkdir(mode=0o700)
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            self._check_owner(descriptor, self.path, "700")
            yield descriptor
        finally:
            os.close(descriptor)

    def _check_file(self, descriptor: int, path: Path) -> None:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise TokenStoreUnavailable(
                f"{path} is not a file. Remove it and sign in again.", reason="not_a_file"
            )
        self._check_owner(descriptor, path, "600")

    def _check_owner(self, descriptor: int, path: Path, mode: str) -> None:
        found = os.fstat(descriptor)
        if found.st_uid != os.geteuid():
            # Tokens of somebody else's choice would have this program act in that account.
            raise TokenStoreUnavailable(
                f"{path} belongs to somebody else. Remove it, or name another folder.", reason="other_owner"
            )
        if found.st_mode & 0o077:
            raise TokenStoreUnavailable(
                f"Others can read {path} (mode {stat.S_IMODE(found.st_mode):04o}) and may have its tokens. Then: "
                f"chmod {mode} {path}; sign in again, and end the old sessions with: tokenward logout --everywhere",
                reason="open_to_others",
            )

    @contextmanager
    def _reporting(self, name: str) -> Iterator[None]:
        """Turn an error of the system into ours."""
        failure = ""
        try:
            yield
        except OSError as error:
            failure = error.strerror or type(error).__name__
        if failure:
            raise TokenStoreUnavailable(
                f"{self.path / name} cannot be read or written ({failure}). It must be a plain file, in a folder of "
                "yours that is no link.",
                reason=f"file: {failure}",
            )


def _wait_for_lock(descriptor: int, timeout_seconds: float) -> None:
    import fcntl

    pause = threading.Event()
    ends_at = _REAL_TIME.monotonic() + timeout_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if _REAL_TIME.monotonic() > ends_at:
                raise TokenStoreUnavailable(
                    "Another process refreshes these tokens and does not end. Look for it, and try again.",
                    reason="locked",
                ) from None
            pause.wait(_POLL_SECONDS)
        else:
            return
