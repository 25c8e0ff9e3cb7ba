"""One run of the load tool `wrk` against one server, counted in the server's CPU time."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.processes import BenchmarkError, Server

CONNECTIONS = 32
LUA = Path(__file__).parent / "lua"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class Sample(NamedTuple):
    """What one run brought: answers, and what they cost."""

    requests: int
    seconds: float
    cpu_seconds: float

    @property
    def per_cpu_second(self) -> float:
        """Requests for each second of CPU time that the server's process tree used."""
        return self.requests / self.cpu_seconds

    @property
    def cpu_us(self) -> float:
        """CPU microseconds for one request."""
        return self.cpu_seconds / self.requests * 1e6

    @property
    def per_second(self) -> float:
        """Requests for each second on the wall clock."""
        return self.requests / self.seconds


def wrk_command(
    server: Server, path: str, script: str, arguments: Sequence[str | Path] = (), *,
    seconds: float, connections: int = CONNECTIONS, threads: int = 1,
) -> list[str]:  # fmt: skip
    """The command line of one run; `seconds` is rounded, since wrk takes whole ones."""
    program = shutil.which("wrk")
    if program is None:
        raise BenchmarkError("wrk is missing; install it with: make system")
    return [
        program, f"-c{connections}", f"-t{threads}", f"-d{max(1, round(seconds))}s", "--timeout", "10s",
        "-s", script, f"http://127.0.0.1:{server.port}{path}", "--", *map(str, arguments),
    ]  # fmt: skip


def run_wrk(
    server: Server, path: str, script: str, arguments: Sequence[str | Path] = (), *,
    seconds: float, connections: int = CONNECTIONS, threads: int = 1,
) -> Sample:  # fmt: skip
    """Load `server` with a script of benchmarks/lua.

    Raises:
        BenchmarkError: wrk is missing or failed, or an answer was an error, which makes the run void.
    """
    command = wrk_command(
        server, path, script, arguments, seconds=seconds, connections=connections, threads=threads
    )
    server.settle()
    before = server.cpu_seconds()
    done = subprocess.run(command, cwd=LUA, capture_output=True, text=True, check=False)
    spent = server.cpu_seconds() - before
    requests, elapsed = read_result(server.name, done.stdout, done.stderr)
    return Sample(requests, elapsed, spent)


def read_answers(output: str) -> dict[str, Any]:
    """What a script printed on its line `result {...}`.

    Raises:
        BenchmarkError: there is no such line.
    """
    line = next((line for line in output.splitlines() if line.startswith("result ")), None)
    if line is None:
        raise BenchmarkError(f"wrk failed: {output.strip()[-200:]}")
    answers: dict[str, Any] = json.loads(line.removeprefix("result "))
    return answers


def read_result(name: str, output: str, errors: str) -> tuple[int, float]:
    """The answers and the seconds of a run, from what wrk printed.

    Raises:
        BenchmarkError: as `run_wrk` says.
    """
    line = next((line for line in output.splitlines() if line.startswith("result ")), None)
    if line is None:
        raise BenchmarkError(f"wrk failed: {(errors or output).strip()[-200:]}")
    result = json.loads(line.removeprefix("result "))
    wrong = result["refused"] + result["broken"]
    if wrong or not result["requests"]:
        raise BenchmarkError(
            f"void: of {result['requests']} requests to {name} {result['refused']} got an error status "
            f"and {result['broken']} no answer"
        )
    return result["requests"], result["seconds"]
