"""Reads the pages of the documentation and runs their lines.

A page is run as printed but for two places, which its reader fills in as well: the port of the server, and the
password that it printed. Fences tell what a block is: `sh` is run, `console` shows what somebody does in another
terminal (starting the server, which the test has done already), `python` is run by Python.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.programs import require_program

ROOT = Path(__file__).parents[2]
PORT_PRINTED = "http://127.0.0.1:8080"
PASSWORD_PRINTED = "the password that the server printed"

_BOUNDARY = "=== the next block ==="
_SECONDS = 180


class Server(NamedTuple):
    """A running development server: its folder, with `.venv` and the data in it, its address and its password."""

    folder: Path
    base: str
    password: str

    def filled_in(self, text: str) -> str:
        """A block with the address and the password of this server."""
        return text.replace(PORT_PRINTED, self.base).replace(PASSWORD_PRINTED, self.password)


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language, in their order, also those within a list."""
    text = (ROOT / page).read_text(encoding="utf-8")
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, flags=re.DOTALL | re.MULTILINE)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def environment(**variables: str) -> dict[str, str]:
    """The variables for a child: those of this process, without settings of ours and without a proxy."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TOKENWARD_") and not name.lower().endswith("_proxy")
    }
    return inherited | variables


def new_folder(path: Path) -> Path:
    """A folder that looks like a checkout after `make setup`, as far as the pages use it."""
    path.mkdir()
    (path / ".venv").symlink_to(sys.prefix)
    return path


@contextmanager
def serving(arguments: list[str], folder: Path, **variables: str) -> Iterator[list[str]]:
    """Run `tokenward serve`, give the lines that it prints until it is ready, and stop it at the end."""
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [".venv/bin/tokenward", "serve", *arguments],
            cwd=folder,
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("ready "):
                break
        assert lines, (folder / "log").read_text()
        assert lines[-1].startswith("ready "), lines
        yield lines
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        assert process.wait(_SECONDS) == 0


@contextmanager
def development_server(folder: Path, **variables: str) -> Iterator[Server]:
    """What `make serve` starts, on any free port, with its data in `tokenward-data` of a new folder."""
    new_folder(folder)
    with serving(["--dev", "--port", "0"], folder, **variables) as lines:
        (password,) = (line.split()[1] for line in lines if line.startswith("  password "))
        yield Server(folder, lines[-1].removeprefix("ready "), password)


def run_blocks(server: Server, printed: list[str]) -> list[str]:
    """Run the blocks in one session of bash, which ends at the first line that fails; their outputs."""
    require_program("curl")
    script = f"\necho\necho '{_BOUNDARY}'\n".join(server.filled_in(block) for block in printed)
    done = _run([require_program("bash"), "-eu", "-o", "pipefail", "-c", script], server.folder)
    return [output.strip("\n") for output in done.split(_BOUNDARY)]


def run_python(server: Server, program: str) -> str:
    """Run a block of Python, and give what it printed."""
    return _run([sys.executable, "-W", "error", "-c", server.filled_in(program)], server.folder)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
