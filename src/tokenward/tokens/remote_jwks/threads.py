"""The keys of an issuer, for programs of threads."""

import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, Unpack

from tokenward.clock import SystemClock
from tokenward.jose.jwks import JWKSet
from tokenward.tokens.remote_jwks.key_fetch import Fetched, KeyFetch
from tokenward.tokens.remote_jwks.options import Options, Settings
from tokenward.tokens.remote_jwks.remote_keys import LOGGER, Attempt, RemoteKeys
from tokenward.tokens.remote_jwks.standard_transport import StandardTransport
from tokenward.tokens.remote_jwks.transport import FetchFailed, Transport

# How long a server keeps us waiting is real time, whatever clock the schedule goes by.
_REAL_TIME: Final = SystemClock()


class RemoteJWKSet(RemoteKeys):
    """The keys that an issuer publishes at an address, fetched when they are needed and kept fresh.

    It can be shared by all threads, and is a `KeySource` for verifiers. Nothing is fetched before the first token.
    While keys are fresh they come from memory; they are renewed beside the callers before their life ends. When the
    issuer does not answer, the last keys stay good for `stale_seconds`. A token that names an unknown key makes one
    attempt to fetch, at most one for each cooldown. Attempts run on a daemon thread.

    Certificates are always checked, redirects are never followed, and answers are bounded in size, time and number of
    keys. Symmetric keys, keys published with their private part, weak keys and unknown kinds are left out; `status()`
    says which. Whether the published keys are right is the issuer's word; a token's signature is not checked here.

    Args:
        url: the address of the JWK Set. To find it in the metadata of an issuer, use `RemoteJWKSet.discover`.
        issuer: whose keys they are, for a verifier that checks it, and for status and logs.
        transport: how to fetch; the standard library by default, `HTTPXTransport` where a proxy or a client
            certificate is needed.
        options: see `Options`.

    Raises:
        ConfigurationError: when an address is not https, or an option makes no sense.
    """

    def __init__(
        self,
        url: str,
        *,
        issuer: str | None = None,
        transport: Transport | None = None,
        **options: Unpack[Options],
    ) -> None:
        settings = Settings(**options)
        self._set_up(KeyFetch.at(url, issuer, settings), settings, transport)

    @classmethod
    def discover(cls, issuer: str, *, transport: Transport | None = None, **options: Unpack[Options]) -> Self:
        """Return the keys of `issuer`, wherever its metadata says that they are.

        The metadata is asked for in the first fetch, once a day, and when its address of the keys leads nowhere: OpenID
        Connect's `/.well-known/openid-configuration`, and RFC 8414's `/.well-known/oauth-authorization-server` when
        there is none. It must name exactly this `issuer`.

        Raises:
            ConfigurationError: when the issuer is not an https address, or an option makes no sense.
        """
        settings = Settings(**options)
        source = cls.__new__(cls)
        source._set_up(KeyFetch.of(issuer, settings), settings, transport)
        return source

    def _set_up(self, fetch: KeyFetch, settings: Settings, transport: Transport | None) -> None:
        super().__init__(fetch, settings)
        self._transport = StandardTransport() if transport is None else transport

    def refresh(self, seen: JWKSet | None = None) -> JWKSet:
        """Wait for keys other than `seen`, as far as one attempt can bring them, and return what may be used.

        See `KeySource.refresh`. The wait is at most `timeout_seconds` and a second more.

        Raises:
            KeysUnavailable: when there are no keys that may be used.
        """
        attempt, is_new = self._find_attempt(seen)
        if attempt is not None:
            if is_new:
                self._start(attempt)
            # When it takes longer, what may be used is in memory, or is not.
            with suppress(TimeoutError):
                attempt.outcome.result(self._wait_seconds())
        return self._get()

    def close(self) -> None:
        """Begin no attempt any more. The keys in memory are served as long as they may be."""
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, attempt: Attempt) -> None:
        thread = threading.Thread(
            target=self._run, args=(attempt,), name="tokenward-remote-jwks", daemon=True
        )
        try:
            thread.start()
        except RuntimeError:
            # The system has no thread to give, or the interpreter is going down.
            self._end(attempt, FetchFailed("no_thread"))

    def _run(self, attempt: Attempt) -> None:
        try:
            result = self._read(self._drive(attempt))
        except FetchFailed as error:
            self._end(attempt, error)
        except Exception as error:  # noqa: BLE001 - logged, and whoever waits is woken, whatever a transport does
            LOGGER.exception("%r: the transport broke its contract", self)
            self._end(attempt, FetchFailed("transport_broke", type(error).__name__))
        except BaseException:
            self._abandon(attempt)
            raise
        else:
            self._end(attempt, result)

    def _drive(self, attempt: Attempt) -> Fetched:
        """Make the requests of an attempt, all of them within its timeout."""
        ends_at = _REAL_TIME.monotonic() + self._settings.timeout_seconds
        steps = self._fetch.steps(attempt.known, attempt.started_at)
        answer: Any = None
        try:
            while True:
                request = steps.throw(answer) if isinstance(answer, FetchFailed) else steps.send(answer)
                left = ends_at - _REAL_TIME.monotonic()
                if left <= 0:
                    answer = FetchFailed("timeout")
                    continue
                try:
                    answer = self._transport.fetch(request._replace(timeout_seconds=left))
                except FetchFailed as error:
                    answer = error
        except StopIteration as done:
            fetched: Fetched = done.value
            return fetched
