"""What `import tokenward.tokens` costs, and what it must not load."""

import json
import os
import site
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from benchmarks.processes import ROOT

PACKAGE: Final = "tokenward.tokens"

# Whoever only verifies tokens needs no event loop, no network and no server.
MUST_NOT_LOAD: Final = (
    "aiohttp", "asyncio", "asyncpg", "concurrent.futures", "http", "httpx", "multiprocessing", "requests", "sqlite3",
    "ssl", "starlette", "tokenward.cli", "tokenward.client", "tokenward.guards", "tokenward.server",
    "tokenward.tokens.dpop_proof", "tokenward.tokens.remote_jwks", "urllib.request", "urllib3", "uvicorn",
)  # fmt: skip

# The issue wants key serialization to be loaded by its first use. `cryptography` itself may load it first.
LOADED_LATER: Final = ("cryptography.hazmat.primitives.serialization", "cryptography.x509")


class Start(NamedTuple):
    """One start of an interpreter, from its beginning to its end."""

    cpu_ms: float
    wall_ms: float


def measure_starts(rounds: int, *, with_site: bool, module: str = PACKAGE) -> tuple[list[Start], list[Start]]:
    """Start the interpreter in turn with nothing and with the import, with the same flags.

    Without `site` the two folders that hold the modules are put into `sys.path` by hand, in both.
    """
    if with_site:
        flags, paths = ["-I"], ""
    else:
        flags, paths = ["-I", "-S"], f"import sys; sys.path[:0] = {[str(ROOT / 'src'), *_packages()]!r}; "
    bare: list[Start] = []
    importing: list[Start] = []
    for _ in range(rounds + 1):
        bare.append(_start([*flags, "-c", f"{paths}pass"]))
        importing.append(_start([*flags, "-c", f"{paths}import {module}"]))
    # The first start of each may read from the disk, and write compiled modules.
    return bare[1:], importing[1:]


def loaded_modules() -> list[str]:
    """The modules that are there after the import, and were not before."""
    program = (
        f"import sys; before = set(sys.modules); import {PACKAGE}; import json; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True)
    modules: list[str] = json.loads(done.stdout)
    return modules


def found(modules: Sequence[str], unwanted: Sequence[str]) -> list[str]:
    """Which of the unwanted modules are among `modules`, themselves or by a part of theirs."""
    return [name for name in unwanted if any(one == name or one.startswith(f"{name}.") for one in modules)]


def _start(arguments: list[str]) -> Start:
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, *arguments])
    _, status, usage = os.wait4(process.pid, 0)
    elapsed = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{arguments} ended with {process.returncode}.")
    return Start((usage.ru_utime + usage.ru_stime) * 1e3, elapsed * 1e3)


def _packages() -> list[str]:
    return [folder for folder in site.getsitepackages() if os.path.isdir(folder)]  # noqa: PTH112
