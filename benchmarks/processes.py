"""Server processes of a benchmark: start, CPU time and memory of the whole process tree, stop. Linux only."""

import os
import queue
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[1]
READY = re.compile(r"ready http://[^:/]+:(\d+)")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class BenchmarkError(Exception):
    """A measurement could not be made; the message says why and is printed in its row."""


class Server:
    """A running server program that printed `ready http://HOST:PORT`. Use it as a context manager."""

    def __init__(self, name: str, command: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None):
        """Start `command` and wait for its ready line.

        Its standard error goes to the file `log`.

        Raises:
            BenchmarkError: it ended, or was not ready in 30 seconds.
        """
        self.name = name
        self.log = log
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        started = time.perf_counter()
        # A group of its own, so that it can be ended whole; not a session, since Linux may share the cores
        # out by session, and then the low priority of hashing threads would not hold against the load tool.
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                env=clean_environment() | dict(env or {}), cwd=ROOT, process_group=0,
            )  # fmt: skip
        # The pipe is read until the end, or a talkative server would block on it.
        threading.Thread(target=self._read_output, args=(lines,), daemon=True).start()
        self.port = self._await_ready(lines)
        self.seconds_to_ready = time.perf_counter() - started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _read_output(self, lines: queue.SimpleQueue[str | None]) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            lines.put(line)
        lines.put(None)

    def _await_ready(self, lines: queue.SimpleQueue[str | None]) -> int:
        deadline = time.monotonic() + 30
        said: list[str] = []
        while True:
            try:
                line = lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.stop()
                raise BenchmarkError(f"{self.name} did not start: {self._last_words(said)}")
            if found := READY.match(line):
                return int(found[1])
            said.append(line)

    def _last_words(self, said: Sequence[str]) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() or [*said, "it printed nothing"]
        return lines[-1].strip()

    def cpu_seconds(self) -> float:
        """User and system time of the process, its threads, its children and the children they waited for."""
        return sum(_cpu_ticks(pid) for pid in _process_tree(self._process.pid)) / TICKS_PER_SECOND

    def resident_mb(self) -> float:
        """Resident memory of the process tree in MiB; pages that processes share count once for each."""
        pids = _process_tree(self._process.pid)
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * PAGE_MB

    def open_files(self) -> int:
        """Open files of the process itself, connections included."""
        return sum(1 for _ in Path(f"/proc/{self._process.pid}/fd").iterdir())

    def settle(self) -> None:
        """Wait, at most ten seconds, until the work left over from the last load is done."""
        before = self.cpu_seconds()
        for _ in range(50):
            time.sleep(0.2)
            now = self.cpu_seconds()
            if now - before <= 0.01:
                return
            before = now

    def stop(self) -> None:
        """End the process: SIGTERM, and after ten seconds SIGKILL for its whole process group."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def clean_environment() -> dict[str, str]:
    """The environment without what would change a server's settings or keep Python from its warm caches."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("TOKENWARD_") and name not in {"PYTHONDONTWRITEBYTECODE", "PYTHONWARNINGS"}
    }


def _process_tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _parents():
        children.setdefault(parent, []).append(pid)
    tree = [root]
    for pid in tree:
        tree.extend(children.get(pid, ()))
    return tree


def _parents() -> Iterator[tuple[int, int]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat_fields(int(folder.name))):
            yield int(folder.name), int(fields[1])


def _stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat after the program's name (state is 0, parent 1), or none if it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_ticks(pid: int) -> int:
    return sum(int(ticks) for ticks in _stat_fields(pid)[11:15])
