"""How a real server is reached: TLS with a certificate that changes under load, a Unix socket, sockets of systemd."""

import asyncio
import contextlib
import fcntl
import os
import signal
import socket
import ssl
import stat
import subprocess
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.flows.client import Client
from tests.flows.hand_over import handed
from tests.flows.servers import Installation, Server, installation
from tests.server.transport.certificates import HOST, Pair, make_pair

_SECONDS = 30


def over_tls(pair: Pair) -> dict[str, str]:
    return {"TLS_CERT": str(pair.certificate), "TLS_KEY": str(pair.key)}


async def tls_client(port: int, context: ssl.SSLContext) -> Client:
    return Client(*await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=HOST))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(_SECONDS):
        while not condition():  # noqa: ASYNC110 - another process sets no event
            await asyncio.sleep(0.02)


# TLS.


async def test_tls_is_served_and_plain_http_on_its_port_is_not(tmp_path: Path) -> None:
    pair = make_pair(tmp_path / "tls")
    with installation(tmp_path / "server", over_tls(pair)) as place:
        server = place.start()
        assert server.url.startswith("https://127.0.0.1:")
        async with await tls_client(server.port, pair.trusting()) as client:
            answer = await client.register("ada@example.com", "seven quiet lighthouse keepers")
            assert answer.status == 201
            assert "strict-transport-security" in answer.headers
        for garbage in (
            b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n",
            b"\x16\x03\x01\x00\x05hello",
            b"\x00" * 500,
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(garbage)
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(_SECONDS):
                    assert b"HTTP" not in await reader.read()
            writer.close()
        with pytest.raises(ssl.SSLCertVerificationError):
            await tls_client(server.port, make_pair(tmp_path / "other").trusting())
        async with await tls_client(server.port, pair.trusting()) as client:
            assert (await client.request("GET", "/readyz")).status == 200
        assert server.stop() == 0
        assert server.faults() == []
        assert [line["event"] for line in server.log() if line["event"] == "no_trusted_proxies"] == []


def test_a_request_after_the_answer_that_ends_its_connection_is_not_done(tmp_path: Path) -> None:
    pair = make_pair(tmp_path / "tls")
    body = b'{"email": "ada@example.com", "password": "seven quiet lighthouse keepers"}'
    late = (
        b"POST /api/v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    with installation(tmp_path / "server", over_tls(pair)) as place:
        server = place.start()
        plain = socket.create_connection(("127.0.0.1", server.port), _SECONDS)
        with pair.trusting().wrap_socket(plain, server_hostname=HOST) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            assert connection.recv(10_000).startswith(b"HTTP/1.1 200 ")
            with contextlib.suppress(OSError):
                connection.sendall(late)
                assert connection.recv(10_000) == b""
        assert server.stop() == 0
        assert place.rows("SELECT * FROM accounts") == []


async def test_a_certificate_is_renewed_under_load_and_no_request_is_lost(tmp_path: Path) -> None:
    pairs = [make_pair(tmp_path / f"{place}", ends=timedelta(days=30 + place)) for place in range(4)]
    served = make_pair(tmp_path / "served")
    # A client that would take each of them.
    context = served.trusting()
    for pair in pairs:
        context.load_verify_locations(pair.certificate)
    with installation(tmp_path / "server", over_tls(served)) as place:
        server = place.start()
        stopped = asyncio.Event()
        counts = {"kept": 0, "new": 0}

        async def keep_one_connection() -> None:
            async with await tls_client(server.port, context) as client:
                while not stopped.is_set():
                    assert (await client.request("GET", "/readyz")).status == 200
                    counts["kept"] += 1
                    await asyncio.sleep(0)

        async def connect_anew() -> None:
            while not stopped.is_set():
                async with await tls_client(server.port, context) as client:
                    assert (await client.request("GET", "/readyz")).status == 200
                counts["new"] += 1
                await asyncio.sleep(0)

        async def renew() -> None:
            for number, pair in enumerate(pairs):
                served.replace_with(pair)
                if number % 2:
                    server.process.send_signal(signal.SIGHUP)
                await until(lambda: told(server, "tls.certificate_loaded") == number + 1)  # noqa: B023
                if number == 1:
                    served.certificate.write_text("nonsense")
                    await until(lambda: told(server, "tls.certificate_refused") == 1)
                await until_shown(server.port, pair)
                before = dict(counts)
                await until(lambda: all(counts[kind] > before[kind] for kind in counts))  # noqa: B023
            stopped.set()

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(keep_one_connection())
                group.create_task(connect_anew())
            group.create_task(renew())
        assert server.stop() == 0
        assert [line["event"] for line in server.faults()] == ["tls.certificate_refused"]


def told(server: Server, event: str) -> int:
    return sum(line["event"] == event for line in server.log())


async def until_shown(port: int, pair: Pair) -> None:
    """Wait until a client that takes this certificate alone is content."""
    async with asyncio.timeout(_SECONDS):
        while True:
            with contextlib.suppress(ssl.SSLCertVerificationError):
                async with await tls_client(port, pair.trusting()):
                    return
            await asyncio.sleep(0.02)


# A Unix socket.


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "http.sock"


def status(address: Path | int, path: str = "/readyz") -> int:
    """What a server answers by its Unix socket, or on its port."""

    async def ask() -> int:
        opening = (
            asyncio.open_connection("127.0.0.1", address)
            if isinstance(address, int)
            else asyncio.open_unix_connection(address)
        )
        async with Client(*await opening) as client:
            return (await client.request("GET", path)).status

    return asyncio.run(ask())


def test_a_unix_socket_is_served_with_its_mode_and_gone_afterwards(tmp_path: Path, path: Path) -> None:
    for mode in ("0660", "0600"):
        with installation(tmp_path / mode, {"UDS": str(path), "UDS_MODE": mode}) as place:
            server = place.start()
            assert server.url == f"unix:{path}"
            assert stat.S_IMODE(path.stat().st_mode) == int(mode, 8)
            assert status(path) == 200
            # Nobody said where the request came from, so it came from no network that may read this.
            assert status(path, "/metrics") == 404
            assert server.stop() == 0
            assert server.faults() == []
        assert list(tmp_path.glob("http.sock*")) == []


def test_a_stale_socket_is_replaced_and_one_that_somebody_listens_on_is_not(
    tmp_path: Path, path: Path
) -> None:
    with installation(tmp_path / "one", {"UDS": str(path)}) as place:
        place.start().kill()
        assert path.is_socket()
        server = place.start()
        with installation(tmp_path / "two", {"UDS": str(path)}) as other:
            done = other.run("serve")
            assert (done.returncode, done.stdout) == (1, "")
            assert "Another program listens on the Unix socket" in done.stderr
            assert not other.data.exists()
        assert status(path) == 200
        # A server whose name was taken over leaves it to the new owner.
        path.unlink()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as owner:
            owner.bind(str(path))
            assert server.stop() == 0
            assert path.is_socket()


def test_what_is_no_socket_is_left_alone(tmp_path: Path, path: Path) -> None:
    path.write_text("somebody's letter")
    with installation(tmp_path / "one", {"UDS": str(path)}) as place:
        assert "is no socket. It is left alone" in place.run("serve").stderr
        assert path.read_text() == "somebody's letter"
        path.unlink()
        path.symlink_to(tmp_path / "elsewhere")
        assert "is no socket. It is left alone" in place.run("serve").stderr
        place.settings["UDS"] = str(tmp_path / "none" / "http.sock")
        assert "No such file or directory" in place.run("serve").stderr
        place.settings["UDS"] = str(tmp_path / ("x" * 100))
        assert "too long" in place.run("serve").stderr
        assert not place.data.exists()


def test_a_server_that_looks_while_another_takes_a_stale_socket_waits_and_leaves_it(
    tmp_path: Path, path: Path
) -> None:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as stale:
        stale.bind(str(path))
    folder = os.open(tmp_path, os.O_RDONLY)
    with installation(tmp_path / "one", {"UDS": str(path)}) as place, contextlib.ExitStack() as stack:
        # What a server does that starts at the same moment, slowly.
        fcntl.flock(folder, fcntl.LOCK_EX)
        server = place.spawn()
        time.sleep(2)
        path.unlink()
        other = stack.enter_context(contextlib.closing(socket.socket(socket.AF_UNIX)))
        other.bind(str(path))
        other.listen()
        os.close(folder)
        assert server.process.wait(_SECONDS) == 1
        assert "Another program listens" in server.log_text()
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as client:
            client.connect(str(path))
            other.accept()[0].close()


# Sockets of systemd.


def test_sockets_that_systemd_opened_are_served(tmp_path: Path, path: Path) -> None:
    with installation(tmp_path / "one", {"PORT": "1", "HOST": "127.0.0.1"}) as place:
        server = place.start(*handed("127.0.0.1", str(path)))
        assert status(server.port) == 200
        assert status(path) == 200
        assert server.stop() == 0
        # It is systemd's file, which listens on it again at the next request.
        assert path.is_socket()


async def test_tls_is_served_on_a_socket_of_systemd(tmp_path: Path) -> None:
    pair = make_pair(tmp_path / "tls")
    with installation(tmp_path / "one", over_tls(pair)) as place:
        server = place.start(*handed("0.0.0.0"))  # noqa: S104
        async with await tls_client(server.port, pair.trusting()) as client:
            assert (await client.request("GET", "/readyz")).status == 200


def test_sockets_of_systemd_that_cannot_be_served(tmp_path: Path) -> None:
    with installation(tmp_path / "one") as place:
        for kind, why in (("deaf:127.0.0.1", "is no listening socket"), ("0.0.0.0", "speaks plain HTTP")):  # noqa: S104
            server = place.spawn(*handed(kind))
            assert server.process.wait(_SECONDS) == 1
            assert why in server.log_text()
            assert len(server.log_text().splitlines()) == 1
        assert not place.data.exists()


def test_sockets_that_were_meant_for_another_process_are_left_alone(tmp_path: Path) -> None:
    with installation(tmp_path / "one", {"HOST": "127.0.0.2"}) as place:
        server = place.start("env", "FOR_PID=1", *handed("127.0.0.1"))
        assert server.url.startswith("http://127.0.0.2:")


# What keeps a server from starting.


def test_a_certificate_that_cannot_be_served_is_told_in_one_line_and_nothing_is_made(tmp_path: Path) -> None:
    good, other = make_pair(tmp_path / "good"), make_pair(tmp_path / "other")
    expired = make_pair(tmp_path / "expired", ends=timedelta(seconds=-1))
    early = make_pair(tmp_path / "early", starts=timedelta(days=1))
    for pair, why in (
        (expired, "expired on"),
        (early, "is valid from"),
        (Pair(good.certificate, other.key), "does not belong to"),
        (make_pair(tmp_path / "names", names=("other.test",)), f"does not name {HOST}"),
    ):
        with installation(tmp_path / "server", over_tls(pair)) as place:
            refused(place, why)
    good.key.chmod(0o644)
    with installation(tmp_path / "server", over_tls(good)) as place:
        refused(place, "may be read by everybody")


def refused(place: Installation, why: str) -> None:
    done: subprocess.CompletedProcess[str] = place.run("serve")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert why in line
    assert not place.data.exists()


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"TLS_CERT": "a.pem"}, "tls_key (by default) must be set together with tls_cert"),
        ({"TLS_KEY": "a.pem"}, "tls_cert (by default) must be set together with tls_key"),
        (
            {"TLS_CERT": "a.pem", "TLS_KEY": "a.pem", "UDS": "s"},
            "uds (in the variable TOKENWARD_UDS) must not",
        ),
        ({"UDS": "s", "UDS_MODE": "0666"}, "uds_mode (in the variable TOKENWARD_UDS_MODE) must be one of"),
        ({"TLS_CERT": "a.pem", "TLS_KEY": "a.pem", "DEV": "true"}, "not be set under dev"),
        ({"HOST": "0.0.0.0"}, "give it a certificate with tls_cert"),  # noqa: S104
        ({"PROXY_HEADER": "X-Real-IP"}, "must be one of X-Forwarded-For, Forwarded"),
        ({"DRAIN_DELAY_SECONDS": "61"}, "from 0 to 60"),
    ],
)
def test_settings_that_do_not_fit_together(tmp_path: Path, settings: dict[str, str], why: str) -> None:
    with installation(tmp_path / "server", settings) as place:
        refused(place, why)


def test_with_tls_it_may_listen_anywhere(tmp_path: Path) -> None:
    pair = make_pair(tmp_path / "tls")
    with installation(tmp_path / "server", over_tls(pair) | {"HOST": "0.0.0.0"}) as place:  # noqa: S104
        server = place.start()
        assert server.url.startswith("https://0.0.0.0:")


# The service manager.


@pytest.mark.parametrize("abstract", [False, True])
async def test_a_service_manager_is_told_when_the_server_answers_and_when_it_stops(
    tmp_path: Path, abstract: bool
) -> None:
    name = f"@tokenward-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager,
        installation(tmp_path / "server") as place,
    ):
        manager.bind(name.replace("@", "\0", 1) if abstract else name)
        manager.settimeout(_SECONDS)
        server = place.spawn("env", f"NOTIFY_SOCKET={name}")
        assert await asyncio.to_thread(manager.recv, 100) == b"READY=1"
        server.wait_ready()
        async with await Client.connect(server.port) as client:
            assert (await client.request("GET", "/readyz")).status == 200
        server.process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(manager.recv, 100) == b"STOPPING=1"
        assert await asyncio.to_thread(server.process.wait, _SECONDS) == 0


@pytest.mark.parametrize("name", ["/nowhere/at/all", "@nobody-listens-here", "vsock:2:1234"])
def test_a_service_manager_that_does_not_listen_holds_nothing_up(tmp_path: Path, name: str) -> None:
    with installation(tmp_path) as place:
        assert place.start("env", f"NOTIFY_SOCKET={name}").stop() == 0
