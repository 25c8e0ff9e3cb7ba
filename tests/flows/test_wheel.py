"""The wheel as people get it: built, installed into an empty environment, and used there."""

import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = {"cryptography", "msgspec"}
# What these bring along by themselves.
BROUGHT = {"cffi", "pycparser"}

PROGRAM = """
from tokenward.clock import SystemClock
from tokenward.errors import InvalidToken
from tokenward.jose import JWKSet, generate
from tokenward.tokens import TokenVerifier, encode_access_token

clock = SystemClock()
now = int(clock.now())
claims = {
    "iss": "https://auth.test", "sub": "usr_1", "aud": "https://api.test", "client_id": "cli_1", "jti": "1",
    "iat": now, "exp": now + 60, "scope": "read",
}
for algorithm in ("ES256", "RS256", "EdDSA", "HS256"):
    key = generate(algorithm)
    public = key if algorithm == "HS256" else key.public_key()
    verifier = TokenVerifier(
        issuer="https://auth.test", audience="https://api.test", keys=JWKSet([public]), clock=clock
    )
    token = encode_access_token(claims, key)
    assert verifier.verify(token).sub == "usr_1"
    head, payload, signature = token.split(".")
    try:
        verifier.verify(f"{head}.{payload}.{signature[::-1]}")
    except InvalidToken:
        print(algorithm)
"""


@dataclass
class Installed:
    """An environment that holds the wheel and what it asks for, nothing else."""

    wheel: Path
    folder: Path

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.folder / "bin" / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={"PATH": "/usr/bin:/bin"},
            check=False,
        )


def pip(*arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def pinned(names: set[str]) -> str:
    """The entries of these packages in the lock of the server, hashes included."""
    entries = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements" / "server.txt").read_text())
    return "\n".join(entry for entry in entries if re.split(r"[=\[ ;]", entry)[0] in names)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("wheel")
    # A copy: a build leaves things behind, and takes up what an earlier one left.
    source = folder / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, source)
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")

    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    into = ("--python", str(environment / "bin" / "python"), "install")
    lock = folder / "base.txt"
    lock.write_text(pinned(BASE | BROUGHT))
    pip(*into, "--require-hashes", "-r", str(lock))
    # Without an index: a wheel that asks for anything more fails here.
    pip(*into, "--no-index", str(wheel))
    return Installed(wheel, environment)


def test_the_base_install_brings_cryptography_and_msgspec_only(installed: Installed) -> None:
    (site_packages,) = installed.folder.glob("lib/python*/site-packages")
    found = {path.name.split("-")[0].lower() for path in site_packages.glob("*.dist-info")}
    assert BASE | {"tokenward"} <= found <= BASE | BROUGHT | {"tokenward"}


def test_the_metadata_asks_for_them_and_for_all_else_by_extras_only(installed: Installed) -> None:
    with zipfile.ZipFile(installed.wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = HeaderParser().parsestr(archive.read(name).decode())
    requirements = metadata.get_all("Requires-Dist") or []
    base = {re.split(r"[<>=!~ ;\[]", line)[0] for line in requirements if "extra ==" not in line}
    assert base == BASE
    assert metadata["Name"] == "tokenward"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"
    assert sorted(metadata.get_all("Provides-Extra") or []) == [
        "client",
        "fastapi",
        "httpx",
        "server",
        "sodium",
        "telemetry",
    ]


def test_every_file_of_the_source_is_in_the_wheel_and_no_other(installed: Installed) -> None:
    source = ROOT / "src"
    files = {
        path.relative_to(source).as_posix()
        for path in (source / "tokenward").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(installed.wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert packed == files


def test_a_program_there_signs_and_verifies_tokens(installed: Installed) -> None:
    done = installed.run("python", "-I", "-W", "error", "-c", PROGRAM)
    assert done.stderr == ""
    assert done.stdout.split() == ["ES256", "RS256", "EdDSA", "HS256"]


def test_the_command_there_says_which_extra_to_install(installed: Installed) -> None:
    done = installed.run("tokenward", "serve")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r".*extra 'server'.*pip install 'tokenward\[server\]'\n", done.stderr), done.stderr
