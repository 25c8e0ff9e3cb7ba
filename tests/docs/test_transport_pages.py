"""The pages about TLS, proxies and systemd: their commands are run, their settings and units are loaded."""

import configparser
import os
import re
import shlex
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from tests.docs.pages import Server, blocks, new_folder, run_blocks, serving
from tests.flows.hand_over import handed
from tests.flows.servers import TOKENWARD
from tests.programs import require_program
from tests.server.transport.certificates import make_pair

from tokenward.server.settings import load_settings

_SECONDS = 60


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_the_page_about_tls_does_what_it_says(tmp_path: Path) -> None:
    require_program("openssl")
    folder, port = new_folder(tmp_path / "checkout"), free_port()
    page = "docs/how-to/serve-tls.md"
    prepare, ask, renew = (block.replace("8443", str(port)) for block in blocks(page, "sh"))
    reader = Server(folder, "", "")
    run_blocks(reader, [prepare])
    (started,) = blocks(page, "console")
    command, ready = started.replace("8443", str(port)).splitlines()
    with serving(shlex.split(command.partition(" serve ")[2]), folder) as lines:
        assert lines == [ready]
        assert run_blocks(reader, [ask]) == ['{"status":"ready"}']
        assert run_blocks(reader, [renew]) == ['{"status":"ready"}']
    log = (folder / "log").read_text()
    told = set(re.findall(r'"event":"(tls\.\w+)"', log))
    assert told == {"tls.certificate_loaded"}


def folder_with_key(tmp_path: Path) -> Path:
    folder = new_folder(tmp_path / "checkout")
    key = folder / "master.key"
    key.touch(mode=0o600)
    key.write_text("00" * 31 + "01")
    return folder


def test_the_page_about_proxies_does_what_it_says(tmp_path: Path) -> None:
    folder = folder_with_key(tmp_path)
    for block in blocks("docs/how-to/behind-a-proxy.md", "toml"):
        config = tmp_path / "tokenward.toml"
        config.write_text(block)
        load_settings(environment={}, config=config)
    printed = blocks("docs/how-to/behind-a-proxy.md", "sh")
    with serving(
        ["--port", "0"],
        folder,
        TOKENWARD_ISSUER="https://auth.example.com",
        TOKENWARD_MASTER_KEY_FILE="master.key",
        TOKENWARD_TRUSTED_PROXIES="127.0.0.1/32",
    ) as lines:
        server = Server(folder, lines[-1].removeprefix("ready "), "")
        assert run_blocks(server, printed) == ["404\n404\n200"]


class _Unit(configparser.ConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return optionstr


def test_the_units_for_systemd_start_a_server_on_the_socket(tmp_path: Path) -> None:
    curl = require_program("curl")
    listening, running = blocks("docs/how-to/with-systemd.md", "ini")
    unit = _Unit(strict=True, interpolation=None)
    unit.read_string(listening)
    assert unit["Socket"]["ListenStream"] == "443"
    # A unit may give an option several times, which is no mistake there.
    environment = {
        name: value.replace("%d", str(tmp_path / "credentials"))
        for name, value in re.findall(r"^Environment=(\w+)=(\S+)$", running, re.MULTILINE)
    }
    assert environment.keys() <= {
        f"TOKENWARD_{name}" for name in ("MASTER_KEY_FILE", "TLS_CERT", "TLS_KEY", "ISSUER")
    }
    (command,) = re.findall(r"^ExecStart=/\S+/tokenward (.+)$", running, re.MULTILINE)
    pair = make_pair(tmp_path / "credentials", names=("auth.example.com",))
    pair.certificate.rename(pair.certificate.with_name("fullchain.pem"))
    pair.key.rename(pair.key.with_name("privkey.pem"))
    folder_with_key(tmp_path)
    (tmp_path / "checkout" / "master.key").rename(tmp_path / "credentials" / "master.key")
    arguments = shlex.split(command.replace("/var/lib/tokenward", str(tmp_path / "data")))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*handed("0.0.0.0"), str(TOKENWARD), *arguments],  # noqa: S104
            env={"PATH": str(Path(sys.executable).parent), **_python_path(), **environment},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        ready = process.stdout.readline()
        assert ready.startswith("ready https://0.0.0.0:"), (tmp_path / "log").read_text()
        port = ready.strip().rpartition(":")[2]
        url = f"https://auth.example.com:{port}/readyz"
        done = subprocess.run(
            [curl, "-sS", "--cacert", str(tmp_path / "credentials" / "fullchain.pem"),
             "--resolve", f"auth.example.com:{port}:127.0.0.1", url],
            capture_output=True, text=True, timeout=_SECONDS, check=True,
        )  # fmt: skip
        assert done.stdout == '{"status":"ready"}'
    finally:
        process.terminate()
        if process.stdout is not None:
            process.stdout.close()
        assert process.wait(_SECONDS) == 0


def _python_path() -> dict[str, str]:
    """Where this process has its modules from, if somebody said so."""
    return {name: value for name, value in os.environ.items() if name == "PYTHONPATH"}


@pytest.mark.parametrize("name", ["serve-tls", "behind-a-proxy", "with-systemd"])
def test_every_log_line_that_a_page_names_is_one_that_the_server_writes(name: str) -> None:
    source = "".join(
        path.read_text() for path in Path(load_settings.__code__.co_filename).parents[1].rglob("*.py")
    )
    page = (Path(__file__).parents[2] / "docs" / "how-to" / f"{name}.md").read_text()
    for event in re.findall(r"`((?:tls|drain|proxy)\.\w+)`", page):
        assert f'"{event}"' in source, event
