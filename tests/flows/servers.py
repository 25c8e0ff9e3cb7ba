"""Real servers on data folders of their own: start one, wait until it answers, kill or stop it, read its log."""

import base64
import os
import selectors
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

TOKENWARD = Path(sys.executable).with_name("tokenward")
ISSUER = "https://auth.test"
PASSWORD = "seven quiet lighthouse keepers"

# Hashes as cheap as Argon2 allows, and room for as many accounts as a test wants.
QUICK = {"ARGON2_MEMORY_KIB": "8", "ARGON2_TIME_COST": "1", "REGISTER_BURST": "100000"}

# With these every key moves on once a second.
ROTATING = {
    "KEY_ROTATION_SECONDS": "1",
    "JWKS_MAX_AGE_SECONDS": "1",
    "JWKS_STALE_WHILE_REVALIDATE_SECONDS": "0",
    "CLOCK_SKEW_SECONDS": "0",
}

# By these the coverage of started processes is measured, which costs each start a good part of its time.
_COVERAGE_VARIABLES = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
_START_SECONDS = 30
_STOP_SECONDS = 30


class Server:
    """A `tokenward serve` that runs."""

    def __init__(self, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.process = process
        self.log_path = log_path
        self.url = ""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def wait_ready(self, seconds: float = _START_SECONDS) -> None:
        """Wait for the line `ready URL`. Fails with the log when the process ends or says nothing."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(seconds), f"not ready after {seconds} s:\n{self.log_text()}"
        line = self.process.stdout.readline().decode()
        assert line.startswith("ready "), f"no ready line but {line!r}; the log:\n{self.log_text()}"
        self.url = line.removeprefix("ready ").strip()

    def kill(self) -> None:
        """SIGKILL, and wait until the process is gone."""
        self.process.kill()
        self._reap()

    def stop(self, pid: int | None = None) -> int:
        """SIGTERM, and the exit status. `pid` is the server where another program started it."""
        os.kill(pid or self.process.pid, signal.SIGTERM)
        return self._reap()

    def _reap(self) -> int:
        status = self.process.wait(_STOP_SECONDS)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def log_text(self) -> str:
        return self.log_path.read_text()

    def faults(self) -> list[dict[str, Any]]:
        """What the log tells of errors of the server's own, and all that libraries complain of."""
        return [line for line in self.log() if line["level"] == "error" or line["event"] == "library"]

    def log(self) -> list[dict[str, Any]]:
        """The structured lines of the log."""
        return [
            msgspec.json.decode(line, type=dict[str, Any])
            for line in self.log_text().splitlines()
            if line.startswith("{")
        ]


class Installation:
    """A data folder with its settings: servers and commands that belong together."""

    def __init__(self, folder: Path, settings: Mapping[str, str], *, measured: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self._folder = folder
        self._started: list[Server] = []
        self.master_key = base64.b64encode(os.urandom(32)).decode()
        self.settings = {
            "ISSUER": ISSUER,
            "MASTER_KEY": self.master_key,
            "REGISTRATION": "open",
            "DATA": str(self.data),
            "PORT": "0",
            **QUICK,
            **settings,
        }
        self._unmeasured = () if measured else _COVERAGE_VARIABLES

    def environment(self) -> dict[str, str]:
        """What a process of this installation gets: none of the settings of whoever runs the tests."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("TOKENWARD_") and name not in self._unmeasured
        }
        return kept | {f"TOKENWARD_{name}": value for name, value in self.settings.items()}

    @property
    def database(self) -> Path:
        return self.data / "tokenward.db"

    def spawn(self, *prefix: str) -> Server:
        """Start a server and do not wait for it. `prefix` is a program that starts it, such as strace."""
        log_path = self._folder / f"{len(self._started)}.log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [*prefix, str(TOKENWARD), "serve"],
                stdout=subprocess.PIPE,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=self.environment(),
            )
        server = Server(process, log_path)
        self._started.append(server)
        return server

    def start(self, *prefix: str) -> Server:
        """Start a server and wait until it answers."""
        server = self.spawn(*prefix)
        server.wait_ready()
        return server

    def end(self) -> None:
        """Kill what still runs."""
        for server in self._started:
            if server.process.poll() is None:
                server.kill()
            elif server.process.stdout is not None:
                server.process.stdout.close()

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command of `tokenward` on this data folder until it ends, however it ends."""
        return subprocess.run(
            [str(TOKENWARD), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            env=self.environment(),
            timeout=_STOP_SECONDS,
            check=False,
        )

    def command(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that must succeed, and return what it printed."""
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rows(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Read from the database, beside the server or without one."""
        with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute(sql, parameters).fetchall()


@contextmanager
def installation(
    folder: Path, settings: Mapping[str, str] | None = None, *, measured: bool = True
) -> Iterator[Installation]:
    """An installation whose servers end with the block. `settings` are names without TOKENWARD_, and values.

    `measured=False` leaves its processes out of the measurement of coverage: for servers that are killed, or timed.
    """
    made = Installation(folder, settings or {}, measured=measured)
    try:
        yield made
    finally:
        made.end()
