"""The servers of the run: how each is installed, started and given its accounts and sessions."""

import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.client import Account, Session
from benchmarks.processes import ROOT, BenchmarkError, Server, clean_environment

BUILD = ROOT / "build" / "benchmarks"
PEERS = ROOT / "benchmarks" / "peers"
NODE_PEER = PEERS / "node-oidc-provider"
FASTAPI_REQUIREMENTS = PEERS / "requirements-fastapi-users.txt"
TOKENWARD = Path(sys.executable).parent / "tokenward"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def make_accounts(count: int) -> list[Account]:
    return [Account(f"bench{number}@example.com", secrets.token_urlsafe(24)) for number in range(count)]


def start_bare(folder: Path, get_bytes: int, post_bytes: int) -> Server:
    command = [
        sys.executable,
        "-m",
        "benchmarks.bare_asgi",
        str(free_port()),
        str(get_bytes),
        str(post_bytes),
    ]
    return Server("the bare application", command, log=folder / "bare.log")


def start_tokenward(folder: Path, port: int) -> Server:
    """Start `tokenward serve --dev`, which is plain HTTP on loopback, on the data folder inside `folder`.

    `port` must be that of the start before: it is part of the issuer, and the sessions belong to that issuer.
    """
    if not TOKENWARD.exists():
        raise BenchmarkError("Tokenward is not installed; run: make setup")
    command = [TOKENWARD, "serve", "--dev", "--port", str(port), "--data", folder / "tokenward-data"]
    return Server("tokenward", list(map(str, command)), log=folder / "tokenward.log")


def create_tokenward_accounts(folder: Path, accounts: Sequence[Account]) -> None:
    """Create `accounts` with the command line, two at a time."""

    def create(account: Account) -> None:
        command = [
            TOKENWARD, "accounts", "create", "--email", account.email, "--password-stdin",
            "--data", folder / "tokenward-data",
        ]  # fmt: skip
        _run(list(map(str, command)), "tokenward accounts create", standard_input=account.password)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(create, accounts))


def install_node_peer() -> None:
    """Install node oidc-provider from its lock file unless that was done."""
    lock = NODE_PEER / "package-lock.json"
    stamp = NODE_PEER / "node_modules" / ".installed"
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise BenchmarkError("node or npm is missing; install them with: make system")
    if not stamp.exists() or stamp.read_text() != lock.read_text():
        _run(["npm", "ci", "--no-audit", "--no-fund"], "npm ci", folder=NODE_PEER)
        stamp.write_text(lock.read_text())


def start_node_peer(folder: Path, count: int) -> tuple[Server, list[Session]]:
    """Start node oidc-provider in memory, with `count` sessions."""
    install_node_peer()
    file = folder / "node-sessions.json"
    command = ["node", str(NODE_PEER / "server.js"), str(free_port()), str(file), str(count)]
    server = Server("node oidc-provider", command, log=folder / "node.log", env={"NODE_ENV": "production"})
    return server, [Session(**session) for session in json.loads(file.read_text())]


def install_fastapi_peer() -> Path:
    """Install fastapi-users into an environment of its own unless that was done; returns its Python."""
    python = BUILD / "fastapi-users" / "bin" / "python"
    stamp = BUILD / "fastapi-users" / ".installed"
    wanted = FASTAPI_REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        _run([sys.executable, "-m", "venv", "--clear", str(BUILD / "fastapi-users")], "python -m venv")
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r"]
        _run([str(python), *install, str(FASTAPI_REQUIREMENTS)], "pip install")
        stamp.write_text(wanted)
    return python


def start_fastapi_peer(folder: Path, accounts: Sequence[Account]) -> Server:
    """Start fastapi-users on a SQLite file in `folder`, with `accounts`."""
    python = install_fastapi_peer()
    file = folder / "fastapi-accounts.json"
    file.write_text(json.dumps([account._asdict() for account in accounts]))
    command = [str(python), str(PEERS / "fastapi_users_server.py"), str(free_port()), str(folder), str(file)]
    return Server("fastapi-users", command, log=folder / "fastapi.log")


def _run(
    command: Sequence[str], name: str, *, folder: Path = ROOT, standard_input: str | None = None
) -> None:
    done = subprocess.run(
        command, cwd=folder, input=standard_input, capture_output=True, text=True, check=False,
        env=clean_environment(),
    )  # fmt: skip
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines() or ["it said nothing"]
        raise BenchmarkError(f"{name} failed: {words[-1]}")
