"""Real servers on this machine, honest and hostile, with and without TLS."""

import contextlib
import datetime as dt
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Seen(NamedTuple):
    """A request as it came over the wire."""

    target: str
    headers: Mapping[str, str]


Say = Callable[[bytes], None]
Answer = Callable[["KeyServer", Seen, Say], None]


class KeyServer:
    """Answers each request by `answer`, on a thread of its own. `stopped` is set when the test is over."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None = None) -> None:
        self.answer = answer
        self.seen: list[Seen] = []
        self.arrived = threading.Semaphore(0)
        self.stopped = threading.Event()
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []

    def url(self, path: str = "/keys", host: str = "127.0.0.1") -> str:
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        # Whoever waits in accept is not woken by closing; a connection wakes him.
        with contextlib.suppress(OSError), socket.socket() as waking:
            waking.settimeout(30)
            waking.connect(("127.0.0.1", self.port))
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        self._listener.close()

    def _begin(self, function: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self.stopped.is_set():
                connection.close()
                return
            self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        # The other side may go whenever it likes, and refuse our certificate.
        with contextlib.suppress(OSError):
            connection.settimeout(30)
            try:
                if self._tls is not None:
                    connection = self._tls.wrap_socket(connection, server_side=True)
                seen = self._read(connection)
                if seen is not None:
                    self.seen.append(seen)
                    self.arrived.release()
                    self.answer(self, seen, connection.sendall)
                    if isinstance(connection, ssl.SSLSocket):
                        connection = connection.unwrap()
            finally:
                connection.close()

    def _read(self, connection: socket.socket) -> Seen | None:
        data = b""
        while b"\r\n\r\n" not in data:
            piece = connection.recv(65536)
            if not piece:
                return None
            data += piece
        first, *lines = data.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = (line.partition(":") for line in lines)
        return Seen(first.split(" ")[1], {name.lower(): value.strip() for name, _, value in headers})


def head(status: int = 200, **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Some reason", "connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def saying(body: bytes, status: int = 200, **headers: str) -> Answer:
    """Answer with this."""
    whole = head(status, content_length=str(len(body)), **headers) + body

    def answer(server: KeyServer, seen: Seen, say: Say) -> None:
        say(whole)

    return answer


def silent(server: KeyServer, seen: Seen, say: Say) -> None:
    """Take the request and say nothing."""
    server.stopped.wait(60)


def dripping(start: bytes, drop: bytes) -> Answer:
    """Say `start` and then one `drop` after the other without end, each long before a timeout for reads."""

    def answer(server: KeyServer, seen: Seen, say: Say) -> None:
        say(start)
        while not server.stopped.wait(0.02):
            say(drop)

    return answer


def flooding(start: bytes, piece: bytes) -> Answer:
    """Say `start` and then `piece` again and again, as fast as it goes, up to 100 MB."""

    def answer(server: KeyServer, seen: Seen, say: Say) -> None:
        say(start)
        for _ in range(100_000_000 // len(piece)):
            say(piece)

    return answer


class Authority:
    """A certificate authority of our own, and what it signs."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tokenward test authority")])
        basic = x509.BasicConstraints(ca=True, path_length=None)
        usage = x509.KeyUsage(
            digital_signature=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        self.certificate = (
            _builder(self._name, self._name, self._key, days=10)
            .add_extension(basic, critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    def client_context(self) -> ssl.SSLContext:
        """Return a context that trusts this authority and no other."""
        return ssl.create_default_context(cadata=self.certificate.public_bytes(Encoding.PEM).decode())

    def server_context(self, *names: str, days: int = 10) -> ssl.SSLContext:
        """Return the context of a server with a certificate for `names`; expired when `days` is negative."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            _builder(subject, self._name, key, days=days)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
            .add_extension(issuer_key, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path = self._folder / f"server{certificate.serial_number}.pem"
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=100))
        .not_valid_after(now + dt.timedelta(days=days))
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@contextlib.contextmanager
def key_server(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[KeyServer]:
    with KeyServer(answer, tls) as server:
        yield server
