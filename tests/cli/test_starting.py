"""What keeps a server or a command from starting: one clear line, status 1, and nothing half done."""

import base64
import os
import re
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from tests.cli.running import create, misused, printed_json, refused, serving
from tests.flows.servers import PASSWORD, TOKENWARD, Installation
from tests.server.building import tamper

_SECONDS = 60


@contextmanager
def killed_in_the_end(process: subprocess.Popen[str]) -> Iterator[None]:
    """Without this a failed test would wait for a server that nobody stops; one that says nothing is killed too."""
    overdue = threading.Timer(_SECONDS, process.kill)
    overdue.start()
    try:
        yield
    finally:
        overdue.cancel()
        process.kill()
        process.communicate()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield listener.getsockname()[1]


def test_a_port_in_use(place: Installation, taken_port: int) -> None:
    line = refused(place.run("serve", "--port", str(taken_port)))
    assert f"Port {taken_port} on 127.0.0.1 is in use" in line
    assert "--port" in line
    assert not place.data.exists()


def test_a_data_folder_that_is_a_file(place: Installation) -> None:
    place.data.write_text("not a folder")
    create_it = ("accounts", "create", "--email", "a@example.com", "--password-stdin")
    for command in (("serve",), create_it):
        line = refused(place.run(*command, stdin=PASSWORD))
        assert f"The data folder {place.data} cannot be written" in line
        assert "--data" in line
    assert place.data.read_text() == "not a folder"


def test_a_data_folder_that_cannot_be_made(place: Installation, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = refused(place.run("serve", "--data", str(tmp_path / "file" / "below")))
    assert "cannot be written" in line


def test_no_issuer_and_an_issuer_that_is_none(place: Installation) -> None:
    for issuer, told in (
        ("", "https address"),
        ("http://auth.test", "https://"),
        ("http://127.0.0.1:8080", "https://"),
        ("auth.test", "URL with a host name"),
        ("https://auth.test/?a=b", "no query"),
        ("https://user@auth.test", "host name"),
    ):
        place.settings["ISSUER"] = issuer
        line = refused(place.run("serve"))
        assert line.startswith("issuer (")
        assert told in line
    assert not place.data.exists()


def test_a_listener_that_everybody_reaches_needs_a_proxy_that_ends_tls(place: Installation) -> None:
    assert "trusted_proxies" in refused(place.run("serve", "--host", "0.0.0.0"))  # noqa: S104
    assert "loopback under dev" in refused(place.run("serve", "--dev", "--host", "0.0.0.0"))  # noqa: S104
    line = refused(place.run("serve", "--host", "no.such.host.invalid"))
    assert "--host" in line or "loopback" in line


def test_no_master_key_and_a_wrong_one(place: Installation) -> None:
    right = place.settings.pop("MASTER_KEY")
    assert "There is no master key" in refused(place.run("serve"))
    place.settings["MASTER_KEY"] = "nonsense"
    assert "openssl rand -base64 32" in refused(place.run("serve"))
    place.settings["MASTER_KEY"] = right
    place.start().stop()
    wrong = base64.b64encode(os.urandom(32)).decode()
    place.settings["MASTER_KEY"] = wrong
    for command in (("serve",), ("keys", "list"), ("accounts", "list")):
        line = refused(place.run(*command))
        assert "give the master key that the database was made with" in line
        assert wrong not in line
    place.settings["MASTER_KEY"] = right
    assert place.run("keys", "list").returncode == 0


async def test_a_clock_that_was_set_back(place: Installation) -> None:
    async with serving(place) as server:
        path = server.path
    tamper(path, "UPDATE audit SET at = ?", int(time.time()) + 4000)
    for command in (("serve",), ("accounts", "list")):
        line = refused(place.run(*command))
        assert "The clock of this machine is" in line
        assert "time synchronisation" in line
    assert count_keys(path) == 3


def count_keys(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("SELECT count(*) FROM keys").fetchone()[0])


def test_a_wrong_setting_is_told_with_its_name_and_what_to_write(place: Installation, tmp_path: Path) -> None:
    place.settings["ACCESS_TOKEN_SECONDS"] = "7200"
    line = refused(place.run("serve"))
    assert "access_token_seconds" in line
    assert "TOKENWARD_ACCESS_TOKEN_SECONDS=" in line
    del place.settings["ACCESS_TOKEN_SECONDS"]
    place.settings["ACCES_TOKEN_SECONDS"] = "900"
    assert "Did you mean TOKENWARD_ACCESS_TOKEN_SECONDS?" in refused(place.run("serve"))
    del place.settings["ACCES_TOKEN_SECONDS"]
    config = tmp_path / "t.toml"
    config.write_text('access_token_algorithm = "none"\n')
    line = refused(place.run("keys", "list", "--config", str(config)))
    assert line.startswith("access_token_algorithm (in the file")
    assert "ES256, RS256" in line
    assert "cannot be read" in refused(place.run("serve", "--config", str(tmp_path / "none.toml")))


def test_a_mistyped_data_folder_is_not_made(place: Installation) -> None:
    for command in (("accounts", "list"), ("keys", "list"), ("keys", "rotate"), ("tokens", "inspect", "x")):
        done = place.run(*command)
        assert done.returncode == 1
        assert f"There is no database in {place.data}" in done.stderr
    assert not place.data.exists()


def test_wrong_usage(place: Installation) -> None:
    assert "No such command" in misused(place.run("sevre"))
    assert "No such option" in misused(place.run("serve", "--prot", "1"))
    assert "--port" in misused(place.run("serve", "--port", "x"))
    assert "Usage:" in misused(place.run("tokens"))
    assert "port" in refused(place.run("serve", "--port", "70000"))
    assert not place.data.exists()


def test_help_and_version_list_every_command(place: Installation) -> None:
    said = place.command("--help")
    names = (
        "accounts audit backup completion doctor keys migrate restore revoke serve sessions settings tokens"
    )
    for name in names.split():
        assert re.search(rf"^  {name} ", said, re.MULTILINE)
        assert place.run(name, "-h").stdout.startswith(f"Usage: tokenward {name}")
    assert re.fullmatch(r"tokenward \d+\.\d+\S*\n", place.command("--version"))


def test_the_settings_are_printed_as_documentation(place: Installation) -> None:
    said = place.command("settings")
    assert "`access_token_seconds`" in said
    assert place.master_key not in said


def test_migrating_says_what_it_would_do_and_then_does_it_once(place: Installation) -> None:
    place.data.mkdir()
    plan = place.command("migrate", "--plan")
    assert plan.startswith("would apply 0001 ")
    assert not place.database.exists() or place.rows("SELECT count(*) FROM sqlite_schema") == [(0,)]
    assert place.command("migrate") == plan.replace("would apply", "applied")
    for arguments in (("--plan",), ()):
        assert "is up to date" in place.command("migrate", *arguments)
    create(place)


def test_migrating_does_not_make_a_mistyped_folder(place: Installation) -> None:
    refused(place.run("migrate"))
    assert not place.data.exists()


def test_a_database_of_another_program_is_left_alone(place: Installation) -> None:
    place.data.mkdir()
    with closing(sqlite3.connect(place.database)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
        connection.commit()
    for command in (("serve",), ("migrate",), ("keys", "list")):
        refused(place.run(*command))
    assert place.rows("SELECT name FROM sqlite_schema") == [("theirs",)]


async def test_a_second_server_on_one_folder(place: Installation) -> None:
    async with serving(place):
        line = refused(place.run("serve"))
        assert str(place.data) in line
        # A command beside it works all the same.
        assert printed_json(place.command("accounts", "list", "--json"))["items"] == []


def test_dev_makes_an_account_and_prints_lines_that_work_as_printed(
    place: Installation, tmp_path: Path
) -> None:
    environment = {
        name: value
        for name, value in place.environment().items()
        if not name.startswith("TOKENWARD_") or "ARGON2" in name
    }
    command = [str(TOKENWARD), "serve", "--dev", "--port", "0", "--data", str(tmp_path / "dev")]
    passwords = []
    for algorithm in ("ES256", "RS256"):
        environment["TOKENWARD_ACCESS_TOKEN_ALGORITHM"] = algorithm
        with (tmp_path / "dev.log").open("wb") as log:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        with killed_in_the_end(process):
            assert process.stdout is not None
            said: list[str] = []
            # To the end of the output if it comes to that: a line that is read ahead wakes no selector.
            for line in process.stdout:
                said.append(line)
                if line.startswith("ready "):
                    break
            text = "".join(said)
            assert "ready " in text, (text, (tmp_path / "dev.log").read_text())
            line = text[text.index("curl -s") : text.index("\n  curl", text.index("curl -s"))]
            done = subprocess.run(
                ["sh", "-c", line], capture_output=True, text=True, check=True, timeout=_SECONDS
            )
            assert '"access_token"' in done.stdout, done
            # The key of another algorithm has to be published before it may sign.
            assert ("signed with ES256 for another 1:0" in text) == (algorithm == "RS256")
            passwords += re.findall(r"password  (\S+)", text)
            process.send_signal(signal.SIGINT)
            assert process.wait(_SECONDS) == 0
    # The same at every start, and stored nowhere.
    assert passwords[0] == passwords[1]
    assert PASSWORD not in passwords
