"""One serving process for each SQLite file: two writing processes would make each other wait for a second."""

import fcntl
import os
from pathlib import Path

from tokenward.errors import ConfigurationError
from tokenward.server.storage.errors import StorageInUse


class FileLock:
    """An advisory lock on `<database>.lock`. It ends with the process, however that ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, database: Path) -> "FileLock":
        """Take the lock for this database at once or not at all.

        The lock file stays when the lock is let go: deleting it would let two processes lock two files of one
        name.

        Raises:
            StorageInUse: another process holds it.
            ConfigurationError: the lock file cannot be made.
        """
        path = database.with_name(database.name + ".lock")
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = (
                f"Cannot write {path}: {error.strerror}. Make the folder writable, or choose another one."
            )
            raise ConfigurationError(message) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip()
            os.close(descriptor)
            process = f" (process {holder})" if holder else ""
            raise StorageInUse(
                f"{database} is served by another process{process}. Stop that one first, "
                "or give this one a data folder of its own."
            ) from error
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    @staticmethod
    def is_held(database: Path) -> bool:
        """Whether a process holds the lock of this database now; makes and changes no file.

        Raises:
            OSError: that cannot be told: the lock file may not be read, or the file system knows no locks.
        """
        try:
            descriptor = os.open(database.with_name(database.name + ".lock"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    def release(self) -> None:
        """Let go of the lock; may be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
