"""Schemathesis reads the description from a server, and asks what it allows and what it forbids."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.flows.servers import PASSWORD, Server, installation

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
USER = "somebody@example.com"
# So many requests of one kind are made of each operation; a longer run is told of in CONTRIBUTING.md.
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
SECONDS = 25 * EXAMPLES
# Guesses that fail are what is tried here, and must not end in 429 for everything.
UNTHROTTLED = {
    "LOGIN_BURST": "1000000",
    "LOGIN_UNKNOWN_BURST": "1000000",
    "LOGIN_NETWORK_BURST": "1000000",
    "REGISTER_BURST": "1000000",
    "METRICS_NETWORKS": "127.0.0.0/8",
}

# A fresh access token whenever one is refused: some requests end the session that they are sent with.
SIGN_IN = """
[auth.dynamic.openapi.bearer]
path = "/api/v1/auth/login"
payload = { username = "${LOGIN}", password = "${PASSWORD}" }
extract_selector = "/access_token"
retry_on = [401]
"""


class Target(NamedTuple):
    """A server, and an account and session of somebody to do things to."""

    server: Server
    sub: str
    sid: str


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Target]:
    with installation(tmp_path, UNTHROTTLED) as place:
        place.command(
            "accounts",
            "create",
            "--email",
            "root@example.com",
            "--role",
            "admin",
            "--password-stdin",
            stdin=PASSWORD,
        )
        server = place.start()
        # By the address, which nobody can change; a user name is changed by some requests.
        account = {"email": USER, "password": PASSWORD}
        assert httpx.post(f"{server.url}/api/v1/auth/register", json=account).status_code == 201
        signed_in = httpx.post(f"{server.url}/api/v1/auth/login", json=account).json()
        token = {"authorization": f"Bearer {signed_in['access_token']}"}
        (session,) = httpx.get(f"{server.url}/api/v1/users/me/sessions", headers=token).json()["items"]
        yield Target(server, signed_in["user"]["id"], session["id"])
        # What is no HTTP at all is tried as well, and uvicorn warns of it; an error would be the server's own.
        assert [line for line in server.log() if line["level"] == "error"] == []
        assert server.stop() == 0


def look_at(target: Target, login: str, *arguments: str) -> str:
    """Run Schemathesis as somebody, or as nobody; its report, once it has found nothing."""
    folder = target.server.log_path.parent
    configuration = folder / "schemathesis.toml"
    configuration.write_text(CONFIGURATION.read_text() + (SIGN_IN if login else ""))
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("st")),
            "--config-file",
            str(configuration),
            "run",
            f"{target.server.url}/openapi.json",
            "--generation-deterministic",
            "--continue-on-failure",
            "--no-color",
            f"--max-examples={EXAMPLES}",
            *arguments,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
        cwd=folder,
        env={**os.environ, "LOGIN": login, "PASSWORD": PASSWORD, "SUB": target.sub, "SID": target.sid},
    )
    if done.returncode:
        pytest.fail(done.stdout[-8000:] + done.stderr[-2000:], pytrace=False)
    return done.stdout


def test_an_administrator_finds_no_answer_outside_the_description(target: Target) -> None:
    report = look_at(target, "root@example.com", "--phases=examples,coverage,fuzzing")
    assert "No issues found" in report


def test_a_user_finds_no_answer_outside_the_description(target: Target) -> None:
    # Erased, the account could not sign in again.
    report = look_at(target, USER, "--phases=examples,coverage,fuzzing", "--exclude-operation-id=eraseMe")
    assert "No issues found" in report


def test_who_cannot_sign_in_finds_no_answer_outside_the_description(target: Target) -> None:
    report = look_at(target, "", "--phases=examples,coverage,fuzzing")
    assert "No issues found" in report


def test_requests_that_follow_each_other_find_no_answer_outside_the_description(target: Target) -> None:
    report = look_at(target, "root@example.com", "--phases=stateful")
    assert "No issues found" in report
