"""The npm packages that tests use: `jose`, to exchange tokens with, and `pyright`, to check types with.

`node/package-lock.json` pins them by their hash. They are installed beside it, once, when a test first needs them.
Tests of other things have such a folder of their own.
"""

import fcntl
import hashlib
import subprocess
from pathlib import Path

from tests.programs import require_program

FOLDER = Path(__file__).parent / "node"
LONGEST_INSTALL_SECONDS = 240

# What is installed is said by a file that `npm ci` takes away with everything else before it begins.
_INSTALLED = ".tokenward-installed"


def installed_packages(folder: Path = FOLDER) -> Path:
    """The folder `node_modules` with what the lock in `folder` pins, installed if it is not there yet.

    Test runs beside each other wait for one of them. Without npm the test is skipped, or fails where every program
    must be there.
    """
    npm = require_program("npm")
    require_program("node")
    modules = folder / "node_modules"
    installed = modules / _INSTALLED
    with (folder / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256(lock.read()).hexdigest()
        if not (installed.exists() and installed.read_text("ascii") == wanted):
            _install(npm, folder)
            installed.write_text(wanted, "ascii")
    return modules


def _install(npm: str, folder: Path) -> None:
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_INSTALL_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {folder}:\n{done.stderr[-2000:]}")
