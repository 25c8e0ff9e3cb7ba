"""`login`, `logout` and `token`, as people and scripts use them: processes, a terminal, a real server."""

import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.cli.running import PASSWORD, create, misused, printed_json, refused
from tests.flows.servers import TOKENWARD, Installation, Server, installation

ME = "/api/v1/users/me"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with installation(tmp_path_factory.mktemp("server")) as made:
        create(made)
        yield made


@pytest.fixture(scope="module")
def server(here: Installation) -> Server:
    return here.start()


class Terminal:
    """Somebody at another machine, as it were: a home of one's own, and the address of the server."""

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.where = ("--issuer", url, "--insecure-loopback-http")
        self.url = url

    def environment(self) -> dict[str, str]:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("TOKENWARD_", "XDG_"))
        }
        return {**kept, "HOME": str(self.home), "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}

    def run(self, command: str, *more: str, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [str(TOKENWARD), command, *self.where, *more],
            input=stdin, capture_output=True, text=True, env=self.environment(), timeout=60, check=False,
        )  # fmt: skip

    def log_in(self, *more: str, password: str = PASSWORD) -> "subprocess.CompletedProcess[str]":
        return self.run(
            "login", "--username", "anna@example.com", "--password-stdin", *more, stdin=password + "\n"
        )

    def status_of(self, token: str) -> int:
        return httpx.get(self.url + ME, headers={"authorization": f"Bearer {token}"}).status_code


@pytest.fixture
def terminal(tmp_path: Path, server: Server) -> Terminal:
    return Terminal(tmp_path, server.url)


def test_login_token_logout(terminal: Terminal) -> None:
    said = terminal.log_in()
    folder = terminal.home / ".local" / "state" / "tokenward" / "tokens"
    assert (said.returncode, said.stdout) == (
        0,
        f"Signed in to {terminal.url}. The tokens are in files in {folder}.\n",
    )
    assert said.stderr == (
        "This system has no keyring that keeps secrets (the library keyring offers: null Keyring). "
        f"Tokens are kept unencrypted in files in {folder}, which only you can read.\n"
    )
    token = terminal.run("token")
    assert (token.returncode, token.stderr) == (0, "")
    assert terminal.status_of(token.stdout.strip()) == 200
    assert terminal.run("token").stdout == token.stdout
    content = printed_json(terminal.run("token", "--json").stdout)
    assert (content["access_token"], content["token_type"]) == (token.stdout.strip(), "Bearer")
    assert 800 < content["expires_in"] <= 900
    out = terminal.run("logout")
    assert (out.returncode, out.stdout, out.stderr) == (0, f"Signed out of {terminal.url}.\n", "")
    assert terminal.status_of(token.stdout.strip()) == 401
    assert list(folder.glob("*.json")) == []


@pytest.mark.parametrize("command", ["token", "logout"])
def test_who_is_not_signed_in_is_told_the_command_that_would(terminal: Terminal, command: str) -> None:
    done = terminal.run(command, "--account", "at work", "--store", "file")
    assert (done.returncode, done.stdout) == (3, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: Nobody is signed in")
    assert line.endswith(
        f"Run: tokenward login --issuer {terminal.url} --account 'at work' --store file --insecure-loopback-http"
    )
    assert not (terminal.home / ".local" / "state").exists() or command == "logout"


def test_a_session_that_was_ended_elsewhere_asks_for_a_login(terminal: Terminal) -> None:
    terminal.log_in()
    token = terminal.run("token").stdout.strip()
    other = Terminal(terminal.home / "other", terminal.url)
    other.log_in()
    assert other.run("logout", "--everywhere").stdout == f"Signed out of {terminal.url} on all devices.\n"
    assert terminal.status_of(token) == 401
    # The token in the store has not expired, and only the server knows better: it is the API that says so.
    assert terminal.run("token").stdout.strip() == token
    done = terminal.run("logout", "--everywhere")
    assert done.returncode == 3
    assert "has ended" in done.stderr
    assert terminal.run("token").returncode == 3


def test_accounts_are_kept_apart(terminal: Terminal) -> None:
    terminal.log_in()
    terminal.log_in("--account", "work")
    first, second = (terminal.run("token", *more).stdout for more in ((), ("--account", "work")))
    assert first != second
    terminal.run("logout", "--account", "work")
    assert (terminal.run("token").stdout, terminal.run("token", "--account", "work").returncode) == (first, 3)


def test_forgetting_leaves_the_session(terminal: Terminal) -> None:
    terminal.log_in()
    token = terminal.run("token").stdout.strip()
    done = terminal.run("logout", "--forget")
    assert done.stdout == f"Forgot the tokens of {terminal.url}. The session was not ended.\n"
    assert terminal.status_of(token) == 200
    assert terminal.run("token").returncode == 3


def test_json_says_what_was_done(terminal: Terminal) -> None:
    assert printed_json(terminal.log_in("--json").stdout)["issuer"] == terminal.url
    assert printed_json(terminal.run("logout", "--json").stdout) == {
        "issuer": terminal.url,
        "account": "default",
        "ended": True,
        "everywhere": False,
    }


def test_a_wrong_password_is_one_line_without_it(terminal: Terminal) -> None:
    done = terminal.log_in("--store", "file", password="quite wrong")
    assert "The name or the password is wrong" in refused(done)
    assert "quite wrong" not in done.stderr
    assert list(terminal.home.rglob("*.json")) == []


def test_a_password_at_a_terminal_is_asked_for_and_not_shown(terminal: Terminal) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(TOKENWARD), "login", *terminal.where, "--store", "file"],
        stdin=follower, stdout=follower, stderr=follower, env=terminal.environment(), start_new_session=True,
    )  # fmt: skip
    os.close(follower)
    said = ""
    for prompt, answer in (("User name or e-mail address: ", "anna@example.com"), ("Password: ", PASSWORD)):
        while not said.endswith(prompt):
            said += os.read(leader, 1000).decode()
        # `getpass` throws away what was typed before it asked.
        time.sleep(0.2)
        os.write(leader, f"{answer}\n".encode())
    while "Signed in to" not in said:
        said += os.read(leader, 1000).decode()
    assert process.wait(60) == 0
    os.close(leader)
    assert PASSWORD not in said
    assert terminal.run("token", "--store", "file").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["login"], "There is no terminal to ask at"),
        (["login", "--password-stdin"], "Give --username"),
        (["login", "--password", "x"], "No such option"),
        (["logout", "--everywhere", "--forget"], "Give one of the two"),
        (["token", "--store", "pocket"], "is not one of"),
        (["token", "more"], "unexpected extra argument"),
    ],
)
def test_wrong_usage_is_explained(terminal: Terminal, arguments: list[str], said: str) -> None:
    assert said in misused(terminal.run(*arguments))


def test_an_issuer_is_needed_and_is_https() -> None:
    done = subprocess.run([str(TOKENWARD), "token"], capture_output=True, text=True, check=False)
    assert "Missing option '--issuer'" in misused(done)
    done = subprocess.run(
        [str(TOKENWARD), "login", "--username", "a", "--password-stdin", "--issuer", "http://auth.example.com"],
        input="x\n", capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "must begin with https://" in refused(done)


def test_a_keyring_that_is_asked_for_and_not_there_is_an_error(terminal: Terminal) -> None:
    assert "no keyring" in refused(terminal.log_in("--store", "keyring"))


def test_a_file_that_others_can_read_says_what_to_do(terminal: Terminal) -> None:
    terminal.log_in()
    (path,) = terminal.home.rglob("*.json")
    path.chmod(0o644)
    assert f"chmod 600 {path}" in refused(terminal.run("token"))


def test_a_server_that_is_not_there_is_one_line(terminal: Terminal) -> None:
    away = Terminal(terminal.home, "http://127.0.0.1:1")
    assert "cannot be reached" in refused(away.log_in("--store", "file"))


# What neither the other commands nor the help may load, and what the three must do without.
HEAVY = {"httpx", "keyring", "http.client", "tokenward.client"}
SERVER = ("uvicorn", "argon2", "httptools", "uvloop", "prometheus_client")


def loaded_by(*arguments: str) -> set[str]:
    program = (
        "import sys; before = set(sys.modules); sys.argv = ['tokenward', *sys.argv[1:]]\n"
        "from tokenward.cli import main\n"
        "try:\n    main()\nfinally:\n    print(' '.join(set(sys.modules) - before), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("COV")},
    )  # fmt: skip
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize(
    "arguments", [["-h"], ["keys", "-h"], ["settings"], ["serve", "-h"], ["login", "-h"], ["token", "-h"]]
)
def test_nothing_of_the_client_is_loaded_before_it_is_used(arguments: list[str]) -> None:
    assert loaded_by(*arguments) & HEAVY == set()


def without(modules: tuple[str, ...], *arguments: str) -> "subprocess.CompletedProcess[str]":
    program = (
        f"import sys\nfor name in {modules!r}: sys.modules[name] = None\n"
        "from tokenward.cli import main\nmain()"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        input=PASSWORD + "\n",
    )


def test_the_three_commands_need_nothing_of_the_server(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in terminal.environment().items():
        monkeypatch.setenv(name, value)
    login = (
        "login",
        *terminal.where,
        "--username",
        "anna@example.com",
        "--password-stdin",
        "--store",
        "file",
    )
    assert without(SERVER, *login).returncode == 0
    assert without(SERVER, "token", *terminal.where, "--store", "file").returncode == 0


def test_without_httpx_the_extra_is_named() -> None:
    done = without(("httpx",), "token", "--issuer", "https://auth.example.com")
    assert refused(done) == "tokenward.client needs httpx (httpx is missing): pip install 'tokenward[client]'"
