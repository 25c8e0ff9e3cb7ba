"""SIGKILL cannot tell whether an answer waited for the disk: the kernel keeps what was written. A trace can."""

import asyncio
import re
from pathlib import Path
from typing import NamedTuple

import pytest
from tests.flows.client import Client, Tokens
from tests.flows.servers import PASSWORD, Installation, installation
from tests.programs import require_program

_CALLS = "read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,fsync,fdatasync"
_RESUMED = re.compile(r"<\.\.\. (\w+) resumed>")
_CALL = re.compile(r"(\w+)\((.*)")
_THREAD = re.compile(r"(\d+)\s+(.*)")


class Call(NamedTuple):
    """A system call as strace prints it, at the line where it began and the one where it ended."""

    name: str
    text: str
    began: int
    ended: int


def parse(trace: str) -> list[Call]:
    open_calls: dict[str, tuple[str, str, int]] = {}
    calls = []
    for number, line in enumerate(trace.splitlines()):
        match = _THREAD.match(line)
        assert match, line
        thread, text = match.groups()
        if resumed := _RESUMED.match(text):
            name, start, began = open_calls.pop(thread)
            assert name == resumed[1]
            calls.append(Call(name, start + text, began, number))
        elif match := _CALL.match(text):
            if text.endswith("<unfinished ...>"):
                open_calls[thread] = (match[1], text, number)
            else:
                calls.append(Call(match[1], text, number, number))
    return calls


def check_synced_before_the_answer(calls: list[Call], request: str) -> None:
    """See that what `request` wrote to the database reached the disk before its answer began."""
    # The kernel hands over the bytes when the call ends.
    read = next(call for call in calls if request in call.text)
    answer = next(call for call in calls if "HTTP/1.1 200" in call.text and call.began > read.ended)
    between = [
        call
        for call in calls
        if "tokenward.db" in call.text and read.ended < call.began and call.ended < answer.began
    ]
    written = [call for call in between if call.name == "pwrite64"]
    assert written, f"{request} was answered before anything was written"
    synced = [
        call
        for call in between
        if call.name in ("fsync", "fdatasync")
        and call.text.rstrip().endswith("= 0")
        and call.began > written[-1].ended
    ]
    assert synced, f"{request} was answered before the disk had what it wrote"


async def trace_a_session(here: Installation, strace: str, trace: Path) -> None:
    # -y prints the file behind each descriptor, -s 40 enough of a message to tell which one it is.
    server = here.start(strace, "-f", "-y", "-s", "40", "-e", f"trace={_CALLS}", "-o", str(trace))
    async with await Client.connect(server.port) as client:
        assert (await client.register("ada@example.com", PASSWORD)).status == 201
        first = Tokens.of(await client.log_in("ada@example.com", PASSWORD))
        second = Tokens.of(await client.refresh(first.refresh))
        assert (await client.log_out(second.access)).status == 200
    # strace would keep the signal to itself; the server is its child, and names itself in the lock file.
    assert server.stop(int((here.data / "tokenward.db.lock").read_text())) == 0


@pytest.fixture(scope="module")
def strace() -> str:
    return require_program("strace")


def test_login_refresh_and_logout_answer_only_after_the_disk_has_what_they_changed(
    tmp_path: Path, strace: str
) -> None:
    with installation(tmp_path, measured=False) as here:
        asyncio.run(trace_a_session(here, strace, tmp_path / "trace"))
    calls = parse((tmp_path / "trace").read_text())
    for action in ("login", "refresh", "logout"):
        check_synced_before_the_answer(calls, f"POST /api/v1/auth/{action}")
