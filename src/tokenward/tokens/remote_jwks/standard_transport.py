"""Fetching with the standard library: one connection for each request, and limits that hold against anybody."""

import io
import socket
import ssl
from http.client import HTTPConnection, HTTPException
from typing import Any, Final, cast

from tokenward.clock import SystemClock
from tokenward.errors import ConfigurationError
from tokenward.tokens.remote_jwks.addresses import Address, is_loopback, is_public
from tokenward.tokens.remote_jwks.transport import FetchFailed, Request, Response

# What status line, headers, the sizes of chunks and trailers may add to the bytes of a body.
_FRAME_BYTES: Final = 128 * 1024
_REAL_TIME: Final = SystemClock()


class StandardTransport:
    """Fetches with `http.client`, for threads. It follows no proxy settings.

    All of connecting, TLS, sending and reading ends with the timeout of the request. The system's look-up of the name
    alone cannot be cut short; nobody waits for an attempt that it makes too long.

    Args:
        ssl_context: for an authority of your own, or a client certificate. It must check certificates and host names.
        refuse_private_addresses: refuse a host whose name leads to a loopback, private or link-local address, or to
            another that is not on the public internet. The connection goes to an address that was checked, so a name
            server that answers differently the second time does not help.

    Raises:
        ConfigurationError: when `ssl_context` checks less than it must.
    """

    def __init__(
        self, *, ssl_context: ssl.SSLContext | None = None, refuse_private_addresses: bool = False
    ) -> None:
        if ssl_context is not None and not _checks_certificates(ssl_context):
            raise ConfigurationError(
                "The TLS context must check certificates and host names: whoever answers in the issuer's place "
                "could sign every token. For an authority of your own use `cafile`."
            )
        self._context = ssl_context
        self._refuse_private_addresses = refuse_private_addresses

    def fetch(self, request: Request) -> Response:
        """Make the request; see `Transport.fetch`.

        Raises:
            FetchFailed: when there was no whole answer within the limits.
        """
        try:
            return self._exchange(request, _REAL_TIME.monotonic() + request.timeout_seconds)
        except ssl.SSLCertVerificationError as error:
            raise FetchFailed("certificate_refused", error.verify_message) from None
        except TimeoutError:
            raise FetchFailed("timeout") from None
        except (OSError, HTTPException, ValueError) as error:
            raise FetchFailed("connection_failed", f"{type(error).__name__}: {error}") from None

    def _exchange(self, request: Request, ends_at: float) -> Response:
        address = request.address
        sock = self._connect(address, ends_at)
        try:
            if address.scheme == "https":
                sock.settimeout(_seconds_left(ends_at))
                sock = self._tls().wrap_socket(sock, server_hostname=address.host)
            connection = HTTPConnection(address.host, address.port)
            timed = _TimedSocket(sock, ends_at, request.max_bytes + _FRAME_BYTES)
            connection.sock = cast("socket.socket", timed)
            connection.putrequest("GET", address.target, skip_host=True, skip_accept_encoding=True)
            connection.putheader("Host", address.url.split("/", 3)[2])
            connection.putheader("Connection", "close")
            for name, value in request.headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            headers: dict[str, str] = {}
            for name, value in response.getheaders():
                name = name.lower()
                headers[name] = f"{headers[name]}, {value}" if name in headers else value
            body = _read(response, request.max_bytes) if response.status == 200 else b""
            return Response(response.status, headers, body)
        finally:
            sock.close()

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = ssl.create_default_context()
        # It was right when it was given, but it can be changed.
        if not _checks_certificates(self._context):
            raise FetchFailed("certificates_not_checked")
        return self._context

    def _connect(self, address: Address, ends_at: float) -> socket.socket:
        """Connect to one of the addresses of the host; all of them must be allowed, and no name is looked up again."""
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
        for *_, place in found:
            self._check_place(address, str(place[0]))
        error: OSError = TimeoutError()
        for tried, (family, kind, protocol, _, place) in enumerate(found):
            sock = socket.socket(family, kind, protocol)
            try:
                # An address that leads nowhere must leave some time for the next.
                sock.settimeout(_seconds_left(ends_at) / (len(found) - tried))
                sock.connect(place)
            except OSError as failure:
                sock.close()
                error = failure
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise error

    def _check_place(self, address: Address, ip: str) -> None:
        # Unencrypted goes nowhere but to this machine, whatever `localhost` means to the name server.
        if address.scheme == "http" and not is_loopback(ip):
            raise FetchFailed("address_refused", f"{address.host} is {ip}, and not this machine")
        if self._refuse_private_addresses and not is_public(ip):
            raise FetchFailed("address_refused", f"{address.host} is {ip}, which is not a public address")


class AsyncStandardTransport:
    """Fetches with `http.client` on a daemon thread, so that the event loop goes on. Args as `StandardTransport`."""

    def __init__(
        self, *, ssl_context: ssl.SSLContext | None = None, refuse_private_addresses: bool = False
    ) -> None:
        self._blocking = StandardTransport(
            ssl_context=ssl_context, refuse_private_addresses=refuse_private_addresses
        )

    async def fetch(self, request: Request) -> Response:
        """Make the request; see `Transport.fetch`.

        Raises:
            FetchFailed: when there was no whole answer within the limits.
        """
        # Who works with threads needs this module too, and not asyncio.
        from tokenward.tokens.remote_jwks.beside import run_beside

        return await run_beside(self._blocking.fetch, request)


class _TimedSocket:
    """The part of a socket that `http.client` uses, with one end for all reads and writes, and a limit of bytes.

    A timeout of the socket itself begins anew with each byte, which is how a server drips for ever (B15).
    """

    def __init__(self, sock: socket.socket, ends_at: float, max_bytes: int) -> None:
        self._sock = sock
        self._ends_at = ends_at
        self._max_bytes = max_bytes

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_seconds_left(self._ends_at))
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        if mode != "rb":
            raise ValueError("http.client reads answers, and does nothing else with a file")
        return io.BufferedReader(_TimedReader(self._sock, self._ends_at, self._max_bytes))

    def close(self) -> None:
        """Do nothing: `http.client` closes before the answer is read, and relies on the file to keep it open."""


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, ends_at: float, max_bytes: int) -> None:
        self._sock = sock
        self._ends_at = ends_at
        self._left = max_bytes

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left <= 0:
            raise FetchFailed("too_large")
        self._sock.settimeout(_seconds_left(self._ends_at))
        count = self._sock.recv_into(buffer)
        self._left -= count
        return count


def _read(response: Any, max_bytes: int) -> bytes:
    """Return the body, which must be whole and no longer than `max_bytes`."""
    if response.length is not None and response.length > max_bytes:
        raise FetchFailed("too_large")
    body = bytearray()
    while len(body) <= max_bytes:
        piece = response.read(max_bytes + 1 - len(body))
        if not piece:
            break
        body += piece
    if len(body) > max_bytes:
        raise FetchFailed("too_large")
    if response.length:
        raise FetchFailed("connection_failed", "the answer broke off")
    return bytes(body)


def _seconds_left(ends_at: float) -> float:
    left = ends_at - _REAL_TIME.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _checks_certificates(context: ssl.SSLContext) -> bool:
    return context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname
