"""The npm packages that tests use: `jose`, to exchange tokens with, and `pyright`, to check types with.

`node/package-lock.json` pins them by their hash. They are installed beside it, once, when a test first needs them.
"""

import fcntl
import hashlib
import subprocess
from pathlib import Path

from tests.programs import require_program

FOLDER = Path(__file__).parent / "node"
LONGEST_INSTALL_SECONDS = 240

_LOCK = FOLDER / "package-lock.json"
_MODULES = FOLDER / "node_modules"
# What is installed is said by a file that `npm ci` takes away with everything else before it begins.
_INSTALLED = _MODULES / ".tokenward-installed"


def installed_packages() -> Path:
    """The folder `node_modules` with what the lock pins, installed if it is not there yet.

    Test runs beside each other wait for one of them. Without npm the test is skipped, or fails where every program
    must be there.
    """
    npm = require_program("npm")
    require_program("node")
    wanted = hashlib.sha256(_LOCK.read_bytes()).hexdigest()
    with _LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_INSTALLED.exists() and _INSTALLED.read_text("ascii") == wanted):
            _install(npm)
            _INSTALLED.write_text(wanted, "ascii")
    return _MODULES


def _install(npm: str) -> None:
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST_INSTALL_SECONDS,
    )
    if done.returncode:
        raise RuntimeError(f"npm ci failed in {FOLDER}:\n{done.stderr[-2000:]}")
