"""The certificate that is served: loaded and checked at start, and replaced by a new one while connections go on."""

import asyncio
import contextlib
import ipaddress
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cryptography import x509

from tokenward.clock import Clock
from tokenward.errors import ConfigurationError
from tokenward.server.endpoints.telemetry import Log, Metrics

# TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2); TLS 1.3 has nothing else.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
_NOT_FOR_OTHERS = 0o027
_LOOK_SECONDS = 1.0
_RETRY_SECONDS = 60.0
_DAY_SECONDS = 86_400
_TELL_SECONDS = 7 * _DAY_SECONDS

_Signature: TypeAlias = tuple[tuple[int, int, int], ...]


class _Loaded(NamedTuple):
    """A certificate with its key, ready to serve, and when it expires."""

    context: ssl.SSLContext
    expires_at: int


class ServedCertificate:
    """The certificate of the TLS listeners, from two files that may change at any time.

    `context` is for the listeners. Each handshake takes the certificate that is the newest then, so connections that
    are open stay as they are. `host` is the name that the certificate must have, or empty where a proxy stands before
    us whose own name clients compare.
    """

    def __init__(self, certificate: Path, key: Path, *, host: str, clock: Clock) -> None:
        self._files = (certificate, key)
        self._host = host
        self._clock = clock
        self._seen = self._tried = self._signature()
        self._loaded = self._load()
        self._refused = ""
        self._look_again_at = 0.0
        self._tell_at = 0.0
        # It has no certificate of its own: were the newest one not chosen, nothing would be served, and not an old one.
        self.context = _new_context()
        self.context.sni_callback = self._choose

    @property
    def expires_at(self) -> int:
        """When the certificate that is served now expires, in UTC seconds."""
        return self._loaded.expires_at

    def _choose(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        """Called in each handshake, also where the client names no server."""
        connection.context = self._loaded.context

    async def watch(self, log: Log, metrics: Metrics) -> None:
        """Look once a second whether the files changed, until cancelled."""
        while True:
            self._tell_expiry(log, metrics)
            await asyncio.sleep(_LOOK_SECONDS)
            self.look(log)

    def look(self, log: Log) -> None:
        """Load the files if they changed and then stayed as they are: both are seldom written at the same moment."""
        before, self._seen = self._seen, self._signature()
        again = bool(self._refused) and self._clock.monotonic() >= self._look_again_at
        if self._seen == before and (self._seen != self._tried or again):
            self.reload(log)

    def reload(self, log: Log) -> None:
        """Load the files now. Where they cannot be used the old certificate stays, and an error is logged."""
        self._tried = self._seen = self._signature()
        try:
            self._loaded = self._load()
        except ConfigurationError as error:
            # A certificate that is not valid yet will be.
            self._look_again_at = self._clock.monotonic() + _RETRY_SECONDS
            if error.description != self._refused:
                self._refused = error.description
                log.event("tls.certificate_refused", level="error", message=error.description)
            return
        self._refused = ""
        self._tell_at = 0.0
        log.event("tls.certificate_loaded", expires_at=_text(self._loaded.expires_at))

    def _tell_expiry(self, log: Log, metrics: Metrics) -> None:
        metrics.set_gauge(
            "tls_certificate_expiry_timestamp_seconds",
            "When the served certificate expires, in UTC seconds.",
            self.expires_at,
        )
        left, now = self.expires_at - self._clock.now(), self._clock.monotonic()
        if left < _TELL_SECONDS and now >= self._tell_at:
            self._tell_at = now + _DAY_SECONDS
            log.event(
                "tls.certificate_expires",
                level="warning" if left > 0 else "error",
                expires_at=_text(self.expires_at),
            )

    def _signature(self) -> _Signature:
        """What tells a changed file; one that is not there is told when it is loaded."""
        found = []
        for path in self._files:
            with contextlib.suppress(OSError):
                seen = path.stat()
                found.append((seen.st_mtime_ns, seen.st_size, seen.st_ino))
        return tuple(found)

    def _load(self) -> _Loaded:
        return _load(*self._files, host=self._host, now=self._clock.now())


def _load(certificate: Path, key: Path, *, host: str, now: float) -> _Loaded:
    leaf = _read_certificate(certificate)
    starts, ends = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    if now >= ends.timestamp():
        msg = f"The certificate {certificate} expired on {_text(ends.timestamp())}. Put a new one there."
        raise ConfigurationError(msg)
    if now < starts.timestamp():
        msg = (
            f"The certificate {certificate} is valid from {_text(starts.timestamp())} on, and it is "
            f"{_text(now)} here. Wait, or set the clock right."
        )
        raise ConfigurationError(msg)
    try:
        named = not host or _names(leaf, host)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        # Extensions are read late. Raised as it is, it would end the watch over the files for good.
        msg = f"The extensions of the certificate {certificate} cannot be read. Have it made anew."
        raise ConfigurationError(msg) from None
    if not named:
        msg = (
            f"The certificate {certificate} does not name {host}, the host of the issuer, so clients would refuse it. "
            f"Have one made with the subject alternative name {host}."
        )
        raise ConfigurationError(msg)
    _check_key_file(key)
    context = _new_context()
    try:
        # Without a password a sealed key would be asked for at the terminal.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        raise ConfigurationError(_why_not(error, certificate, key)) from None
    except OSError as error:
        msg = f"The TLS key {key} or the certificate {certificate} cannot be read: {error.strerror}."
        raise ConfigurationError(msg) from None
    return _Loaded(context, int(ends.timestamp()))


def _new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    # Renegotiation lets a client ask for the costly part of a handshake again and again.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    return context


def _read_certificate(path: Path) -> x509.Certificate:
    """The first certificate of the file, which is the server's own; those that issued it follow."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())[0]
    except OSError as error:
        msg = f"The certificate {path} cannot be read: {error.strerror}. Name the file with --tls-cert."
    except (ValueError, IndexError, x509.InvalidVersion):
        msg = f"The file {path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)."
    raise ConfigurationError(msg) from None


def _check_key_file(path: Path) -> None:
    try:
        mode, text = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        msg = f"The TLS key {path} cannot be read: {error.strerror}. Name the file with --tls-key."
        raise ConfigurationError(msg) from None
    if mode & _NOT_FOR_OTHERS:
        msg = (
            f"The TLS key {path} may be read by everybody on this machine, or written by its group; run: "
            f"chmod u=rw,g=r,o= {path}"
        )
        raise ConfigurationError(msg)
    if b"ENCRYPTED" in text:
        msg = (
            f"The TLS key {path} is sealed with a password. Store it without one, readable by its owner only."
        )
        raise ConfigurationError(msg)


def _why_not(error: ssl.SSLError, certificate: Path, key: Path) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"The TLS key {key} does not belong to the certificate {certificate}. Name two that do."
    if error.reason in ("EE_KEY_TOO_SMALL", "CA_MD_TOO_WEAK", "CA_KEY_TOO_SMALL"):
        return f"The certificate {certificate} has a key or signature that is too weak. Have a stronger one made."
    return (
        f"The file {key} holds no private key in PEM (-----BEGIN PRIVATE KEY-----) that can be used for TLS."
    )


def _names(certificate: x509.Certificate, host: str) -> bool:
    """Whether a client that asks for `host` would take the certificate: by its alternative names only (RFC 9525)."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    try:
        return ipaddress.ip_address(host) in found.get_values_for_type(x509.IPAddress)
    except ValueError:
        wanted = host.lower().rstrip(".")
    names = {name.lower().rstrip(".") for name in found.get_values_for_type(x509.DNSName)}
    # A star stands for one whole label, the first.
    return wanted in names or f"*.{wanted.partition('.')[2]}" in names


def _text(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
