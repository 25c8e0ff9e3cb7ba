"""Listening sockets: an address and a port, a Unix socket, or sockets that systemd opened for us."""

import contextlib
import errno
import fcntl
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import NamedTuple, Self

from tokenward.errors import ConfigurationError
from tokenward.server.settings import Settings

_BACKLOG = 1024
_FIRST_HANDED_OVER = 3
# The kernel's own limit for the name of a Unix socket, less the ending that it has until it is ready.
_LONGEST_PATH = 100
_UMASK_OWNER_ONLY = 0o177


class _UnixName(NamedTuple):
    """The file of a Unix socket that we made, by which it is known again at the end."""

    path: Path
    device: int
    inode: int


class Listeners:
    """The sockets on which the server listens, and what a client writes to reach the first of them."""

    def __init__(self, sockets: list[socket.socket], *, url: str, port: int, name: _UnixName | None) -> None:
        self.sockets = sockets
        self.url = url
        self.port = port
        self._name = name

    @property
    def are_tcp(self) -> bool:
        """Whether all of them can be reached by TCP."""
        return all(one.family != socket.AF_UNIX for one in self.sockets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.sockets:
            one.close()
        if self._name is not None:
            with contextlib.suppress(OSError):
                found = self._name.path.stat()
                # Another server may have put its own socket there since.
                if (found.st_dev, found.st_ino) == (self._name.device, self._name.inode):
                    self._name.path.unlink()


def open_listeners(settings: Settings, environment: MutableMapping[str, str]) -> Listeners:
    """Listen where the settings say, or on what systemd hands over (`LISTEN_FDS`), which wins.

    The variables of systemd are taken out of `environment`, so that no child takes them for its own.

    Raises:
        ConfigurationError: the address, the port or the path cannot be used, or a socket of systemd cannot.
    """
    handed_over = _handed_over(environment)
    if handed_over:
        return _on_handed_over(settings, handed_over)
    if settings.uds is not None:
        return _on_unix_socket(settings.uds, int(settings.uds_mode, 8))
    listener = _listen(settings.host, settings.port)
    port: int = listener.getsockname()[1]
    return Listeners([listener], url=_url(settings, settings.host, port), port=port, name=None)


def _url(settings: Settings, host: str, port: int) -> str:
    scheme = "http" if settings.tls_cert is None else "https"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


# An address and a port.


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        msg = f"The host {host!r} is no address of this machine: {error.strerror}. Name another one with --host."
        raise ConfigurationError(msg) from None
    listener = socket.socket(family, kind, protocol)
    try:
        # A restart must not wait for connections of the last run to be forgotten.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # Two programs may bind a port with that option; only one may listen.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise ConfigurationError(_why_not(error, host, port)) from None
    return listener


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is in use by another program. Stop that program, or choose another port with "
            "--port (0 takes any free one)."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} may not be used without more rights. Choose one above 1023 with --port."
    return f"Cannot listen on {host}, port {port}: {error.strerror}. Name others with --host and --port."


# A Unix socket.


def _on_unix_socket(path: Path, mode: int) -> Listeners:
    path = path.absolute()
    if len(os.fsencode(path)) > _LONGEST_PATH:
        msg = (
            f"The path of the Unix socket is too long for the system: {path}. Name a shorter one with --uds."
        )
        raise ConfigurationError(msg)
    try:
        with _folder_locked(path.parent):
            _check_nobody_listens(path)
            return _bound(path, mode)
    except OSError as error:
        msg = f"Cannot listen on the Unix socket {path}: {error.strerror}. Name another path with --uds."
        raise ConfigurationError(msg) from None


@contextlib.contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Two servers that start at once must not both find a stale socket, and one take away the other's new one."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check_nobody_listens(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        msg = f"{path} is there already and is no socket. It is left alone; name another path with --uds."
        raise ConfigurationError(msg)
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        # Whoever listens answers at once, or is too busy to (EAGAIN); only nobody refuses.
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return
        except BlockingIOError:
            pass
    msg = f"Another program listens on the Unix socket {path}. Stop it, or name another path with --uds."
    raise ConfigurationError(msg)


def _bound(path: Path, mode: int) -> Listeners:
    """Listen under another name first: the socket appears whole, with its mode, and takes a stale one's place."""
    early = path.with_name(f"{path.name}.{os.getpid()}")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(_UMASK_OWNER_ONLY)
    try:
        listener.bind(str(early))
        listener.listen(_BACKLOG)
        early.chmod(mode)
        found = early.stat()
        early.replace(path)
    except OSError:
        listener.close()
        early.unlink(missing_ok=True)
        raise
    finally:
        os.umask(before)
    name = _UnixName(path, found.st_dev, found.st_ino)
    return Listeners([listener], url=f"unix:{path}", port=0, name=name)


# Sockets of systemd (sd_listen_fds).


def _handed_over(environment: MutableMapping[str, str]) -> list[socket.socket]:
    meant_for, count = environment.pop("LISTEN_PID", ""), environment.pop("LISTEN_FDS", "")
    environment.pop("LISTEN_FDNAMES", None)
    # The variables may have been meant for a parent of ours, whose sockets are not ours to take.
    if meant_for != str(os.getpid()) or not count.isascii() or not count.isdigit():
        return []
    sockets = []
    for descriptor in range(_FIRST_HANDED_OVER, _FIRST_HANDED_OVER + int(count)):
        try:
            os.set_inheritable(descriptor, False)
            sockets.append(socket.socket(fileno=descriptor))
            listens = sockets[-1].getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        except OSError:
            listens = 0
        if not listens:
            msg = (
                f"File descriptor {descriptor} from systemd is no listening socket. Use ListenStream= in the socket "
                "unit, and Accept=no."
            )
            raise ConfigurationError(msg)
    return sockets


def _on_handed_over(settings: Settings, sockets: list[socket.socket]) -> Listeners:
    url, port = "", 0
    for one in sockets:
        if one.family == socket.AF_UNIX:
            url = url or f"unix:{one.getsockname()}"
            continue
        host, its_port = one.getsockname()[:2]
        plain = settings.tls_cert is None and not settings.trusted_proxies
        if plain and not ipaddress.ip_address(host.partition("%")[0]).is_loopback:
            msg = (
                f"systemd handed over a socket on {host}, which everybody reaches, and this server speaks plain HTTP. "
                "Set tls_cert and tls_key, name the proxy that ends TLS with trusted_proxies, or listen on loopback."
            )
            raise ConfigurationError(msg)
        port = port or its_port
        url = url or _url(settings, host, its_port)
    return Listeners(sockets, url=url, port=port, name=None)
