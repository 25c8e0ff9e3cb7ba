"""The keys of an issuer, for programs of coroutines."""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self, Unpack

from tokenward.clock import SystemClock
from tokenward.jose.jwks import JWKSet
from tokenward.tokens.remote_jwks.beside import run_beside
from tokenward.tokens.remote_jwks.key_fetch import Fetched, KeyFetch
from tokenward.tokens.remote_jwks.options import Options, Settings
from tokenward.tokens.remote_jwks.remote_keys import LOGGER, Attempt, RemoteKeys
from tokenward.tokens.remote_jwks.standard_transport import AsyncStandardTransport
from tokenward.tokens.remote_jwks.transport import AsyncTransport, FetchFailed

_REAL_TIME: Final = SystemClock()


class AsyncRemoteJWKSet(RemoteKeys):
    """The keys that an issuer publishes at an address, fetched when they are needed, without holding up the event loop.

    It is an `AsyncKeySource` and does what `RemoteJWKSet` does; attempts run as a task. It may be used from several
    event loops, one after the other or in several threads, as far as its transport may; an attempt that died with its
    loop is made again. Without a running loop, `current` returns the keys but begins no attempt.

    Args and Raises: as for `RemoteJWKSet`. By default the standard library fetches, on a thread of its own.
    """

    def __init__(
        self,
        url: str,
        *,
        issuer: str | None = None,
        transport: AsyncTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        settings = Settings(**options)
        self._set_up(KeyFetch.at(url, issuer, settings), settings, transport)

    @classmethod
    def discover(
        cls, issuer: str, *, transport: AsyncTransport | None = None, **options: Unpack[Options]
    ) -> Self:
        """Return the keys of `issuer`, wherever its metadata says that they are; see `RemoteJWKSet.discover`.

        Raises:
            ConfigurationError: when the issuer is not an https address, or an option makes no sense.
        """
        settings = Settings(**options)
        source = cls.__new__(cls)
        source._set_up(KeyFetch.of(issuer, settings), settings, transport)
        return source

    def _set_up(self, fetch: KeyFetch, settings: Settings, transport: AsyncTransport | None) -> None:
        super().__init__(fetch, settings)
        self._transport = AsyncStandardTransport() if transport is None else transport
        self._loop: asyncio.AbstractEventLoop | None = None
        # A task that nobody holds may be collected before it ends.
        self._task: asyncio.Task[None] | None = None

    async def refresh(self, seen: JWKSet | None = None) -> JWKSet:
        """Wait for keys other than `seen`, as far as one attempt can bring them, and return what may be used.

        See `KeySource.refresh`. A caller who is cancelled leaves the attempt to the others.

        Raises:
            KeysUnavailable: when there are no keys that may be used.
        """
        self._loop = asyncio.get_running_loop()
        attempt, is_new = self._find_attempt(seen)
        if attempt is not None:
            if is_new:
                self._start(attempt)
            # When it takes longer, what may be used is in memory, or is not.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._wait_seconds()):
                    await asyncio.wrap_future(attempt.outcome)
        return self._get()

    async def aclose(self) -> None:
        """Begin no attempt any more, and end the one under way. The keys in memory are served while they may be."""
        self._closed = True
        task = self._task
        if task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _can_end(self, attempt: Attempt) -> bool:
        return attempt.loop is None or not attempt.loop.is_closed()

    def _start(self, attempt: Attempt) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            # A thread beside the event loop verifies a token.
            loop_elsewhere = self._loop
            if loop_elsewhere is None or not loop_elsewhere.is_running():
                self._abandon(attempt)
                return
            attempt.loop = loop_elsewhere
            try:
                loop_elsewhere.call_soon_threadsafe(self._spawn, attempt, loop_elsewhere)
            except RuntimeError:
                self._abandon(attempt)
        else:
            self._spawn(attempt, loop)

    def _spawn(self, attempt: Attempt, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = attempt.loop = loop
        self._task = loop.create_task(self._run(attempt), name="tokenward-remote-jwks")

    async def _run(self, attempt: Attempt) -> None:
        try:
            fetched = await self._drive(attempt)
            # To read a hundred keys takes milliseconds in which the loop can do something else.
            result = await run_beside(self._read, fetched)
        except FetchFailed as error:
            self._end(attempt, error)
        except Exception as error:  # noqa: BLE001 - logged, and whoever waits is woken, whatever a transport does
            LOGGER.exception("%r: the transport broke its contract", self)
            self._end(attempt, FetchFailed("transport_broke", type(error).__name__))
        except BaseException:
            # The loop is going down.
            self._abandon(attempt)
            raise
        else:
            self._end(attempt, result)

    async def _drive(self, attempt: Attempt) -> Fetched:
        """Make the requests of an attempt, all of them within its timeout."""
        ends_at = _REAL_TIME.monotonic() + self._settings.timeout_seconds
        steps = self._fetch.steps(attempt.known, attempt.started_at)
        answer: Any = None
        try:
            while True:
                request = steps.throw(answer) if isinstance(answer, FetchFailed) else steps.send(answer)
                left = ends_at - _REAL_TIME.monotonic()
                try:
                    async with asyncio.timeout(left):
                        answer = await self._transport.fetch(request._replace(timeout_seconds=left))
                except FetchFailed as error:
                    answer = error
                except TimeoutError:
                    answer = FetchFailed("timeout")
        except StopIteration as done:
            fetched: Fetched = done.value
            return fetched
