"""The certificate that is served: what keeps it from being served, and how a new one takes its place."""

import asyncio
import contextlib
import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtensionOID
from tests.server.transport.certificates import HOST, Pair, make_pair

from tokenward.clock import FakeClock
from tokenward.errors import ConfigurationError
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.transport.certificate import ServedCertificate

_NOW = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(_NOW.timestamp())


class _Lines:
    """A log that can be read."""

    def __init__(self, clock: FakeClock, path: Path) -> None:
        self._path = path
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.log = Log(clock, self.descriptor)

    def read(self) -> list[dict[str, Any]]:
        lines = self._path.read_text().splitlines()
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in lines]

    def events(self) -> list[tuple[str, str]]:
        return [(line["event"], line["level"]) for line in self.read()]


@pytest.fixture
def lines(clock: FakeClock, tmp_path: Path) -> Iterator[_Lines]:
    made = _Lines(clock, tmp_path / "log")
    yield made
    os.close(made.descriptor)


def served(pair: Pair, clock: FakeClock, host: str = HOST) -> ServedCertificate:
    return ServedCertificate(pair.certificate, pair.key, host=host, clock=clock)


def refusal(pair: Pair, clock: FakeClock, host: str = HOST) -> str:
    with pytest.raises(ConfigurationError) as caught:
        served(pair, clock, host)
    return caught.value.description


def pair_of(folder: Path, **how: Any) -> Pair:
    return make_pair(folder, now=_NOW, **how)


# What keeps a certificate from being served.


def test_a_certificate_is_served_until_the_second_it_expires(clock: FakeClock, tmp_path: Path) -> None:
    pair = pair_of(tmp_path, ends=timedelta(days=2))
    clock.advance(2 * 86400 - 1)
    assert served(pair, clock).expires_at == int(_NOW.timestamp()) + 2 * 86400
    clock.advance(1)
    assert "expired on 2027-03-03 00:00:00Z" in refusal(pair, clock)


def test_a_certificate_that_is_not_valid_yet(clock: FakeClock, tmp_path: Path) -> None:
    line = refusal(pair_of(tmp_path, starts=timedelta(hours=1)), clock)
    assert "is valid from 2027-03-01 01:00:00Z on, and it is 2027-03-01 00:00:00Z here" in line


def test_a_key_of_another_certificate(clock: FakeClock, tmp_path: Path) -> None:
    one, other = pair_of(tmp_path / "one"), pair_of(tmp_path / "other")
    assert "does not belong to the certificate" in refusal(Pair(one.certificate, other.key), clock)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        ((HOST,), HOST),
        (("AUTH.Test",), HOST),
        (("other.test", "*.test"), HOST),
        (("192.0.2.1",), "192.0.2.1"),
        (("2001:db8::1",), "2001:db8:0::1"),
        # Behind a proxy it may bear any name.
        (("internal",), ""),
        ((), ""),
    ],
)
def test_a_certificate_that_names_the_host(
    clock: FakeClock, tmp_path: Path, names: tuple[str, ...], host: str
) -> None:
    served(pair_of(tmp_path, names=names), clock, host)


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (("other.test",), HOST),
        (("test",), HOST),
        (("*.auth.test",), HOST),
        (("*.test",), "a.auth.test"),
        (("*",), HOST),
        ((), HOST),
        (("192.0.2.1",), "192.0.2.2"),
    ],
)
def test_a_certificate_that_does_not_name_the_host(
    clock: FakeClock, tmp_path: Path, names: tuple[str, ...], host: str
) -> None:
    line = refusal(pair_of(tmp_path, names=names), clock, host)
    assert f"does not name {host}, the host of the issuer" in line


def test_files_that_are_not_there_or_hold_something_else(clock: FakeClock, tmp_path: Path) -> None:
    pair, nothing, text = pair_of(tmp_path), tmp_path / "none", tmp_path / "text"
    text.touch(mode=0o600)
    text.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert "cannot be read: No such file" in refusal(pair._replace(certificate=nothing), clock)
    assert "cannot be read: No such file" in refusal(pair._replace(key=nothing), clock)
    assert "holds no certificate in PEM" in refusal(pair._replace(certificate=text), clock)
    assert "holds no certificate in PEM" in refusal(pair._replace(certificate=pair.key), clock)
    assert "holds no private key in PEM" in refusal(pair._replace(key=text), clock)
    assert "cannot be read: Is a directory" in refusal(pair._replace(key=tmp_path), clock)


def with_san(pair: Pair, value: bytes) -> None:
    """Put bytes of any kind in the place of the alternative names, which nothing looks at until they are needed."""
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
    made = (
        x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number)
        .not_valid_before(old.not_valid_before_utc)
        .not_valid_after(old.not_valid_after_utc)
        .add_extension(x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, value), False)
        .sign(key, hashes.SHA256())
    )
    pair.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))


@pytest.mark.parametrize("value", [b"\x05\x00", b"\x30\x04\xa3\x02\x30\x00"])
def test_names_that_cannot_be_read_are_refused_and_do_not_end_the_watch(
    clock: FakeClock, tmp_path: Path, lines: _Lines, value: bytes
) -> None:
    pair = pair_of(tmp_path / "pair")
    certificate = served(pair, clock)
    with_san(pair, value)
    assert "The extensions of the certificate" in refusal(pair, clock)
    certificate.reload(lines.log)
    assert lines.events() == [("tls.certificate_refused", "error")]


def test_a_version_that_is_none_is_refused(clock: FakeClock, tmp_path: Path) -> None:
    pair = pair_of(tmp_path)
    der = x509.load_pem_x509_certificate(pair.certificate.read_bytes()).public_bytes(
        serialization.Encoding.DER
    )
    wrong = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x07", 1)
    pair.certificate.write_text(ssl.DER_cert_to_PEM_cert(wrong))
    assert "holds no certificate in PEM" in refusal(pair, clock)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o602, 0o666])
def test_a_key_that_others_may_read_or_write(clock: FakeClock, tmp_path: Path, mode: int) -> None:
    pair = pair_of(tmp_path)
    pair.key.chmod(mode)
    assert "chmod u=rw,g=r,o= " in refusal(pair, clock)


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o440])
def test_a_key_that_owner_or_group_may_read(clock: FakeClock, tmp_path: Path, mode: int) -> None:
    pair = pair_of(tmp_path)
    pair.key.chmod(mode)
    served(pair, clock)


def test_a_key_with_a_password_is_not_asked_for_at_the_terminal(clock: FakeClock, tmp_path: Path) -> None:
    assert "sealed with a password" in refusal(pair_of(tmp_path, password=b"secret"), clock)


def test_a_key_that_is_too_weak(clock: FakeClock, tmp_path: Path) -> None:
    assert "too weak" in refusal(pair_of(tmp_path, rsa_bits=1024), clock)


# In handshakes.


@contextlib.asynccontextmanager
async def listening(certificate: ServedCertificate) -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0, ssl=certificate.context) as server:
        yield server.sockets[0].getsockname()[1]


def anybody(change: Callable[[ssl.SSLContext], object] = lambda _: None) -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    change(context)
    return context


class _Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.tls: ssl.SSLObject = writer.get_extra_info("ssl_object")

    @property
    def shown(self) -> x509.Certificate:
        der = self.tls.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)

    async def echo(self) -> None:
        self._writer.write(b"hello")
        assert await self._reader.readexactly(5) == b"hello"


@contextlib.asynccontextmanager
async def connected(
    port: int, context: ssl.SSLContext | None = None, *, name: str | None = HOST
) -> AsyncIterator[_Client]:
    context = context or anybody()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name or "")
    try:
        yield _Client(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


def certificate_in(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", [HOST, "another.test", None])
async def test_every_client_is_shown_the_certificate_whatever_name_it_asks_for(
    clock: FakeClock, tmp_path: Path, version: ssl.TLSVersion, name: str | None
) -> None:
    pair = pair_of(tmp_path)

    def only(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version

    async with listening(served(pair, clock)) as port, connected(port, anybody(only), name=name) as client:
        await client.echo()
        assert client.shown == certificate_in(pair)
        cipher = client.tls.cipher()
        assert cipher is not None
        assert "GCM" in cipher[0] or "CHACHA20" in cipher[0]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "ciphers"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
        (ssl.TLSVersion.TLSv1_2, "AES128-GCM-SHA256"),
        (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"),
    ],
    ids=["TLS 1.1", "no forward secrecy", "no authenticated encryption"],
)
async def test_what_is_weak_is_not_spoken(
    clock: FakeClock, tmp_path: Path, version: ssl.TLSVersion, ciphers: str
) -> None:
    context = anybody()
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    context.set_ciphers(ciphers)
    async with listening(served(pair_of(tmp_path), clock)) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with connected(port, context):
                pass


async def test_http_1_1_is_agreed_on_and_nothing_else_is_offered(clock: FakeClock, tmp_path: Path) -> None:
    offering = anybody(lambda context: context.set_alpn_protocols(["h2", "http/1.1"]))
    only_h2 = anybody(lambda context: context.set_alpn_protocols(["h2"]))
    certificate = served(pair_of(tmp_path / "one"), clock)
    async with listening(certificate) as port:
        async with connected(port, offering) as client:
            assert client.tls.selected_alpn_protocol() == "http/1.1"
        async with connected(port, only_h2) as client:
            assert client.tls.selected_alpn_protocol() is None


# A new one takes its place.


async def test_new_connections_get_the_new_certificate_and_old_ones_go_on(
    clock: FakeClock, tmp_path: Path, lines: _Lines
) -> None:
    pair, new = pair_of(tmp_path / "one"), pair_of(tmp_path / "other", ends=timedelta(days=60))
    certificate = served(pair, clock)
    async with listening(certificate) as port, connected(port) as early:
        before = certificate_in(pair)
        pair.replace_with(new)
        certificate.look(lines.log)
        assert early.shown == before
        certificate.look(lines.log)
        async with connected(port) as late:
            await late.echo()
            assert late.shown == certificate_in(new) != before
        await early.echo()
    assert lines.events() == [("tls.certificate_loaded", "info")]
    assert lines.read()[0]["expires_at"] == "2027-04-30 00:00:00Z"


async def test_half_of_a_new_pair_is_waited_with(clock: FakeClock, tmp_path: Path, lines: _Lines) -> None:
    pair, new = pair_of(tmp_path / "one"), pair_of(tmp_path / "other")
    certificate = served(pair, clock)
    pair.certificate.write_bytes(new.certificate.read_bytes())
    certificate.look(lines.log)
    pair.key.write_bytes(new.key.read_bytes())
    certificate.look(lines.log)
    assert lines.events() == []
    certificate.look(lines.log)
    assert lines.events() == [("tls.certificate_loaded", "info")]


@pytest.mark.parametrize("fault", ["nonsense", "expired", "mismatch", "gone", "readable", "not named"])
async def test_a_broken_new_file_is_told_once_and_the_old_certificate_stays(
    clock: FakeClock, tmp_path: Path, lines: _Lines, fault: str
) -> None:
    pair, other = pair_of(tmp_path / "one"), pair_of(tmp_path / "other")
    before = certificate_in(pair)
    certificate = served(pair, clock)
    match fault:
        case "nonsense":
            pair.certificate.write_text("nonsense")
        case "expired":
            pair.replace_with(pair_of(tmp_path / "expired", ends=timedelta(0)))
        case "mismatch":
            pair.key.write_bytes(other.key.read_bytes())
        case "gone":
            pair.key.unlink()
        case "readable":
            pair.replace_with(other)
            pair.key.chmod(0o644)
        case "not named":
            pair.replace_with(pair_of(tmp_path / "named", names=("other.test",)))
    for _ in range(5):
        certificate.look(lines.log)
    # It is tried again now and then, in silence.
    clock.advance(61)
    certificate.look(lines.log)
    assert lines.events() == [("tls.certificate_refused", "error")]
    assert "PRIVATE" not in lines.read()[0]["message"]
    async with listening(certificate) as port, connected(port) as client:
        assert client.shown == before
    pair.replace_with(other)
    pair.key.chmod(0o600)
    for _ in range(3):
        certificate.look(lines.log)
    assert lines.events()[1:] == [("tls.certificate_loaded", "info")]
    async with listening(certificate) as port, connected(port) as client:
        assert client.shown == certificate_in(other)


def test_a_certificate_that_is_not_valid_yet_is_taken_when_it_is(
    clock: FakeClock, tmp_path: Path, lines: _Lines
) -> None:
    pair = pair_of(tmp_path / "one")
    certificate = served(pair, clock)
    pair.replace_with(pair_of(tmp_path / "other", starts=timedelta(minutes=30), ends=timedelta(days=90)))
    for _ in range(3):
        certificate.look(lines.log)
    clock.advance(31 * 60)
    certificate.look(lines.log)
    assert [event for event, _ in lines.events()] == ["tls.certificate_refused", "tls.certificate_loaded"]


async def test_its_end_is_told_a_week_before_once_a_day_and_in_the_metrics(
    clock: FakeClock, tmp_path: Path, lines: _Lines
) -> None:
    certificate = served(pair_of(tmp_path, ends=timedelta(days=8)), clock)
    metrics = Metrics()

    async def tell() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(certificate.watch(lines.log, metrics), 0.01)

    await tell()
    assert lines.events() == []
    (line,) = [
        line for line in metrics.exposition()[1].decode().splitlines() if line.startswith("tokenward_tls_")
    ]
    assert float(line.split()[1]) == certificate.expires_at
    for day in range(1, 9):
        clock.advance(86400 + day / 10)
        await tell()
        await tell()
    assert lines.events() == [("tls.certificate_expires", "warning")] * 7 + [
        ("tls.certificate_expires", "error")
    ]
