"""How long an import of 100,000 accounts takes, alone and beside a server that answers 200 refreshes a second.

`python -m benchmarks.import_accounts [--rows N]` prints the figures as JSON. The hashes in the file have the form of
bcrypt and are of no password: nothing verifies them here.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import contenders
from benchmarks.client import TOKENWARD, Session, log_in, time_trickle
from benchmarks.processes import clean_environment

_PER_SECOND = 200
_SESSIONS = 8
_QUIET_SECONDS = 10
_BCRYPT = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import_accounts", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows: int = parser.parse_args().rows
    contenders.BUILD.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=contenders.BUILD) as name:
        folder = Path(name)
        file = write_file(folder / "accounts.csv", rows)
        figures: dict[str, Any] = {"rows": rows, "load_before": round(os.getloadavg()[0], 2)}
        make_database(folder)
        figures["alone"] = measure_import(folder, file)
        shutil.rmtree(folder / "tokenward-data")
        figures["beside_a_server"] = asyncio.run(measure_beside(folder, file))
    print(json.dumps(figures, indent=2))


def write_file(path: Path, rows: int) -> Path:
    """A CSV file of so many accounts with addresses, user names, names, roles and hashes of their own."""
    chance = random.Random(1)  # noqa: S311 - chance, no secret

    def lines() -> Iterator[str]:
        yield "email,username,name,roles,password_hash,email_verified,created_at,disabled\n"
        for number in range(rows):
            salt = "".join(chance.choices(_BCRYPT, k=21)) + chance.choice(".Oeu")
            digest = "".join(chance.choices(_BCRYPT, k=30)) + chance.choice(".CGKOSWaeimquy26")
            yield (
                f'person{number}@example.com,person{number},"Person, {number}",reader editor,'
                f"$2b$12${salt}{digest},true,2024-05-01T12:00:00Z,false\n"
            )

    with path.open("w") as file:
        file.writelines(lines())
    return path


def make_database(folder: Path) -> None:
    """A data folder as `serve --dev` makes it, which no server uses."""
    contenders.start_tokenward(folder, contenders.free_port()).stop()


def measure_import(folder: Path, file: Path) -> dict[str, Any]:
    """Run the command once; what it took and said."""
    command = [
        contenders.TOKENWARD,
        "accounts",
        "import",
        file,
        "--json",
        "--data",
        folder / "tokenward-data",
    ]
    began = time.perf_counter()
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, env=clean_environment(), text=True
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return {
        "created": said["created"],
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 2),
        "peak_memory_mb": round(used.ru_maxrss / 1024, 1),
    }


async def measure_beside(folder: Path, file: Path) -> dict[str, Any]:
    """The same beside a server, with what refreshes took before and meanwhile."""
    port = contenders.free_port()
    with contenders.start_tokenward(folder, port) as server:
        accounts = contenders.make_accounts(_SESSIONS)
        await asyncio.to_thread(contenders.create_tokenward_accounts, folder, accounts)
        sessions = await log_in(server.port, accounts, _SESSIONS)
        quiet = await _trickle(server.port, sessions, _QUIET_SECONDS)
        meanwhile: list[float] = []
        running = asyncio.create_task(asyncio.to_thread(measure_import, folder, file))
        while not running.done():
            meanwhile += await _trickle(server.port, sessions, 1)
        figures = await running
        after = await _trickle(server.port, sessions, _QUIET_SECONDS)
    return figures | {
        "refresh_ms_before": _describe(quiet),
        "refresh_ms_meanwhile": _describe(meanwhile),
        "refresh_ms_after": _describe(after),
    }


async def _trickle(port: int, sessions: list[Session], seconds: float) -> list[float]:
    return await time_trickle(port, TOKENWARD, sessions, per_second=_PER_SECOND, seconds=seconds)


def _describe(seconds: list[float]) -> dict[str, float]:
    parts = statistics.quantiles(seconds, n=100)
    figures = {"p50": parts[49], "p90": parts[89], "p99": parts[98], "highest": max(seconds)}
    return {name: round(value * 1000, 1) for name, value in figures.items()}


if __name__ == "__main__":
    main()
