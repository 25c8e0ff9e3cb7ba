"""What the sources for threads and for coroutines share: the keys in memory, and the book-keeping of attempts."""

import logging
import os
import threading
from abc import ABC, abstractmethod
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakSet

import msgspec

from tokenward.jose.jwks import JWKSet
from tokenward.jose.keys import PublicKey
from tokenward.tokens.key_source import KeysUnavailable
from tokenward.tokens.remote_jwks.key_fetch import Fetched, KeyFetch, KeySetRead, Known, read_key_set
from tokenward.tokens.remote_jwks.options import Settings
from tokenward.tokens.remote_jwks.schedule import Schedule
from tokenward.tokens.remote_jwks.transport import FetchFailed

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

LOGGER: Final = logging.getLogger("tokenward.remote_jwks")

# How much longer than its timeout an attempt is waited for: it has to read the answer, on a machine that may be busy.
_PATIENCE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteJWKSetStatus:
    """How a remote JWK Set is doing, for logs and metrics. Times are UTC seconds.

    `issuer` and `address` are None where they are not known (yet). `last_error` is the reason of the last attempt, and
    None when it brought keys. `skipped` says which entries of the published set are not used and why, `problems` what
    else is wrong with it. `is_usable` is whether the keys would be served now.
    """

    issuer: str | None
    address: str | None
    key_count: int
    skipped: tuple[str, ...]
    problems: tuple[str, ...]
    last_attempt_at: int | None
    last_success_at: int | None
    last_error: str | None
    attempts: int
    failures: int
    is_fetching: bool
    is_usable: bool


class Attempt:
    """An attempt under way. `outcome` is done when it ended, whatever it brought."""

    __slots__ = ("known", "loop", "number", "outcome", "started_at")

    def __init__(self, number: int, started_at: float, known: Known) -> None:
        self.number = number
        self.started_at = started_at
        self.known = known
        self.loop: AbstractEventLoop | None = None
        self.outcome: Future[None] = Future()
        # So that a waiter who is cancelled does not take it from the others.
        self.outcome.set_running_or_notify_cancel()


class Reading(NamedTuple):
    """An answer, read as far as needs no lock. `read` is None where the published set is the one that is known."""

    fetched: Fetched
    read: KeySetRead | None
    content: frozenset[bytes]


class RemoteKeys(ABC):
    """Keys that are fetched when the schedule says so. How an attempt is run is for the subclasses.

    `issuer` is whose keys these are, as it was configured; None when only an address was.
    """

    def __init__(self, fetch: KeyFetch, settings: Settings) -> None:
        self._settings = settings
        self._clock = settings.clock
        self._monotonic = settings.clock.monotonic
        self._fetch = fetch
        self._schedule = Schedule(
            cooldown_seconds=settings.cooldown_seconds,
            stale_seconds=settings.stale_seconds,
            timeout_seconds=settings.timeout_seconds,
        )
        # Reentrant, for a task that dies with its loop says so from within the collection of garbage, anywhere.
        self._lock = threading.RLock()
        self._keys: JWKSet | None = None
        self._known = self._fetch.first
        self._body: bytes | None = None
        self._content: frozenset[bytes] = frozenset()
        self._attempt: Attempt | None = None
        self._closed = False
        self._skipped: tuple[str, ...] = ()
        self._set_problems: tuple[str, ...] = ()
        self._problems: tuple[str, ...] = ()
        self._last_attempt_at: int | None = None
        self._last_success_at: int | None = None
        self._last_error: str | None = None
        self._attempts = 0
        self._failures = 0
        _ALL.add(self)

    def __repr__(self) -> str:
        place = self._known.address.url if self._known.address else self.issuer
        return f"<{type(self).__name__} {place}>"

    @property
    def issuer(self) -> str | None:
        """Whose keys these are, where it was configured."""
        return self._fetch.issuer

    def current(self) -> JWKSet | None:
        """Return the keys that may be used now, without waiting; None when there are none.

        The same object comes back until the published keys change. From four fifths of their life on, a call begins
        an attempt to fetch them anew beside the caller.
        """
        # One comparison, for this stands before every verification. Keys are set before the time is, so what a thread
        # reads after the time is at least as new.
        if self._monotonic() < self._schedule.quiet_until:
            return self._keys
        return self._look()

    def status(self) -> RemoteJWKSetStatus:
        """Return how this set is doing."""
        with self._lock:
            keys = self._keys
            return RemoteJWKSetStatus(
                issuer=self.issuer,
                address=self._known.address.url if self._known.address else None,
                key_count=0 if keys is None else len(keys),
                skipped=self._skipped,
                problems=self._problems,
                last_attempt_at=self._last_attempt_at,
                last_success_at=self._last_success_at,
                last_error=self._last_error,
                attempts=self._attempts,
                failures=self._failures,
                is_fetching=self._attempt is not None,
                is_usable=keys is not None and self._schedule.is_usable(self._monotonic()),
            )

    @abstractmethod
    def _start(self, attempt: Attempt) -> None:
        """Run the attempt beside the caller, to an `_end` or an `_abandon`."""

    def _can_end(self, attempt: Attempt) -> bool:
        """Whether what runs the attempt is still there."""
        return True

    def _look(self) -> JWKSet | None:
        attempt = None
        with self._lock:
            now = self._monotonic()
            keys = self._keys
            if keys is None or not self._schedule.is_usable(now):
                return None
            if now >= self._schedule.quiet_until:
                attempt = self._begin(now)
        if attempt is not None:
            self._start(attempt)
        return keys

    def _find_attempt(self, seen: JWKSet | None) -> tuple[Attempt | None, bool]:
        """Return the attempt that can bring other keys than `seen`, and whether it was begun now and is to be started.

        None where there are other keys already, and where the cooldown forbids to ask.
        """
        with self._lock:
            now = self._monotonic()
            if self._keys is not None and self._keys is not seen and self._schedule.is_usable(now):
                return None, False
            self._forget_what_cannot_end()
            if self._attempt is not None and self._schedule.is_worth_waiting(now):
                return self._attempt, False
            attempt = self._begin(now)
            return attempt, attempt is not None

    def _begin(self, now: float) -> Attempt | None:
        self._forget_what_cannot_end()
        if self._closed or not self._schedule.may_begin(now):
            return None
        self._attempt = Attempt(self._schedule.begin(now), now, self._known)
        self._attempts += 1
        self._last_attempt_at = int(self._clock.now())
        return self._attempt

    def _forget_what_cannot_end(self) -> None:
        if self._attempt is not None and not self._can_end(self._attempt):
            self._schedule.abandon(self._attempt.number)
            self._attempt = None

    def _get(self) -> JWKSet:
        """Return the keys that may be used after an attempt, or instead of one.

        Raises:
            KeysUnavailable: when there are none.
        """
        with self._lock:
            if self._keys is not None and self._schedule.is_usable(self._monotonic()):
                return self._keys
            reason = "closed" if self._closed else self._last_error or "no_attempt_could_be_made"
        raise KeysUnavailable(reason=reason)

    def _wait_seconds(self) -> float:
        return self._settings.timeout_seconds + _PATIENCE_SECONDS

    def _read(self, fetched: Fetched) -> Reading:
        """Read what an attempt brought.

        Raises:
            FetchFailed: when it is not a JWK Set.
        """
        if fetched.body is None or fetched.body == self._body:
            return Reading(fetched, None, frozenset())
        read = read_key_set(fetched.body, self._settings)
        return Reading(fetched, read, _content(read.keys))

    def _end(self, attempt: Attempt, result: Reading | FetchFailed) -> None:
        """Take in what the attempt brought, wake who waits for it, and tell who wants to know."""
        old = new = None
        with self._lock:
            now = self._monotonic()
            if attempt is self._attempt:
                if isinstance(result, FetchFailed):
                    self._schedule.fail(attempt.number, now)
                    self._failures += 1
                    self._last_error = result.reason
                else:
                    old, new = self._take(result)
                    self._schedule.succeed(attempt.number, now, result.fetched.life_seconds)
                    self._last_success_at = int(self._clock.now())
                    self._last_error = None
                self._attempt = None
        attempt.outcome.set_result(None)
        if isinstance(result, FetchFailed):
            LOGGER.warning("%r: the keys could not be fetched: %s", self, result.reason)
        elif new is not None:
            self._tell(old, new)

    def _take(self, reading: Reading) -> tuple[JWKSet | None, JWKSet | None]:
        """Remember the answer; return the old and the new keys if they changed, and two times None if not."""
        fetched, read, content = reading
        old = self._keys
        self._known = fetched.known
        if read is not None:
            self._body = fetched.body
            self._skipped = read.keys.skipped
            self._set_problems = read.problems
        self._problems = fetched.problems + self._set_problems
        # Another order, or a member that nobody reads: the verifiers keep their object, and all they remember of it.
        if read is None or (old is not None and content == self._content):
            return None, None
        self._content = content
        self._keys = read.keys
        return old, read.keys

    def _tell(self, old: JWKSet | None, new: JWKSet) -> None:
        LOGGER.info("%r: there are new keys: %s", self, ", ".join(ascii(key.kid) for key in new.keys))
        for problem in self._problems:
            LOGGER.error("%r: %s", self, problem)
        for skipped in self._skipped:
            LOGGER.warning("%r: left out: %s", self, ascii(skipped)[1:-1])
        if self._settings.on_change is not None:
            try:
                self._settings.on_change(old, new)
            except Exception:
                LOGGER.exception("%r: on_change failed", self)

    def _abandon(self, attempt: Attempt) -> None:
        """Say that the attempt was ended from outside: it is as if it had not been."""
        with self._lock:
            if attempt is self._attempt:
                self._schedule.abandon(attempt.number)
                self._attempt = None
        if not attempt.outcome.done():
            attempt.outcome.set_result(None)

    def _begin_new_process(self) -> None:
        # Only the thread that forked goes on. The lock may have been held by another, and none runs the attempt.
        self._lock = threading.RLock()
        if self._attempt is not None:
            self._schedule.abandon(self._attempt.number)
            self._attempt = None


def _content(keys: JWKSet) -> frozenset[bytes]:
    """Return what makes two sets of keys the same for a verifier."""
    return frozenset(msgspec.json.encode(key.to_jwk()) for key in keys.keys if isinstance(key, PublicKey))


_ALL: Final[WeakSet[RemoteKeys]] = WeakSet()


def _begin_new_process() -> None:
    for source in list(_ALL):
        source._begin_new_process()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_new_process)
