"""File systems of a test's own: a disk that is small, and one that cannot be written, for a process and its children.

They are mounted in a mount namespace, which takes rights or user namespaces. `CAN_MOUNT` says whether there is one.
"""

import os
import shutil
import subprocess
from pathlib import Path

_ENTER = (["unshare", "-m"], ["unshare", "-r", "-m"])


def _find_namespace() -> list[str]:
    for command in _ENTER:
        if shutil.which(command[0]) is None:
            break
        tried = subprocess.run(
            [*command, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
        )
        if tried.returncode == 0:
            return command
    return []


_NAMESPACE = _find_namespace()
CAN_MOUNT = bool(_NAMESPACE)


def small_disk(folder: Path, megabytes: int) -> list[str]:
    """The beginning of a command that runs with a new disk of that size at `folder`."""
    script = f'mount -t tmpfs -o size={megabytes}m,mode=700 none "$0" && exec "$@"'
    return [*_NAMESPACE, "sh", "-c", script, str(folder)]


def read_only(folder: Path) -> list[str]:
    """The beginning of a command for which `folder` lies on a file system that cannot be written."""
    script = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    return [*_NAMESPACE, "sh", "-c", script, str(folder)]


def seen_by(pid: int, path: Path) -> Path:
    """A path as the process sees it, which has mounts of its own."""
    return Path(f"/proc/{pid}/root") / path.relative_to("/")


def fill(folder: Path) -> None:
    """Write a file until the disk is full."""
    with (folder / "filler").open("wb", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue
