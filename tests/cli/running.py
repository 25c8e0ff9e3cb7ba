"""What tests of commands share: one clear error line, and a server of the same installation in this process."""

import contextlib
import json
import time
from collections.abc import AsyncIterator
from subprocess import CompletedProcess
from typing import Any

from tests.flows.servers import ISSUER, Installation
from tests.server.building import Server, run_server, settings

from tokenward.clock import FakeClock

PASSWORD = "seven quiet lighthouse keepers"
OTHER_PASSWORD = "nine loud harbour pilots"


def refused(done: CompletedProcess[str], *, after: int = 0) -> str:
    """The one line that a refused command prints, on standard error and with exit code 1.

    `after` is how many lines it prints before, since it says what it is about to do.
    """
    assert done.returncode == 1, done
    assert done.stdout == ""
    *before, line = done.stderr.splitlines()
    assert len(before) == after
    assert line.startswith("Error: ")
    assert "Traceback" not in line
    return line.removeprefix("Error: ")


def misused(done: CompletedProcess[str]) -> str:
    """What a command says that was called wrongly: the usage and why, with exit code 2."""
    assert done.returncode == 2, done
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    return done.stderr


def printed_json(text: str) -> dict[str, Any]:
    content = json.loads(text)
    assert isinstance(content, dict)
    return content


def create(place: Installation, email: str = "anna@example.com", *more: str) -> str:
    """The `sub` of a new account."""
    said = place.command(
        "accounts", "create", "--email", email, "--password-stdin", *more, stdin=PASSWORD + "\n"
    )
    assert said.startswith("created usr_")
    return said.split()[1]


@contextlib.asynccontextmanager
async def serving(place: Installation) -> AsyncIterator[Server]:
    """A server of this installation, in this process and on its own clock, which shows the time of now."""
    same = settings(place.data, issuer=ISSUER, audience=ISSUER, master_key=place.master_key)
    async with run_server(place.data, clock=FakeClock(time.time()), configured=same) as server:
        yield server
