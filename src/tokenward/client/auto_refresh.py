"""One refresh for all who need a token: threads, coroutines, and the processes that share a store.

A refresh is made by a thread of its own, whoever asks: coroutines need not wait for a lock of files or a keyring on
their loop, and a caller who is cancelled leaves it to the others. The thread is no daemon. A program that ends waits
for it, because a new refresh token that is lost for more than a minute ends the session.
"""

import asyncio
import copy
import logging
import os
import threading
import weakref
from concurrent.futures import Future
from contextlib import suppress
from typing import Final, NamedTuple

from tokenward.client.errors import IssuerUnavailable, SignInRequired
from tokenward.client.issuer import Issuer
from tokenward.client.token_set import TokenKey, TokenSet
from tokenward.client.token_store.interface import TokenStore
from tokenward.clock import Clock
from tokenward.errors import Error

LOGGER: Final = logging.getLogger("tokenward.client")

# A token is refreshed when less than this is left of it, or a fifth of its life where that is less.
_EARLY_SECONDS: Final = 30.0
_EARLY_PART: Final = 0.2
# Who has a valid token does not wait longer than this for the next one, when the issuer hangs.
_PATIENCE_SECONDS: Final = 2.0
# The pauses between the requests of one attempt, and the longest `Retry-After` that an attempt waits for.
_PAUSES: Final = (0.2, 1.0)
_LONGEST_PAUSE: Final = 2
_FIRST_BACKOFF_SECONDS: Final = 1.0
_LONGEST_BACKOFF_SECONDS: Final = 60.0
_LONGEST_RETRY_AFTER: Final = 300
# The one under way when a caller comes may be about another token; the next is the caller's own.
_MOST_ATTEMPTS: Final = 3


class _Held(NamedTuple):
    """Tokens, and where on the monotonic clock their life began."""

    tokens: TokenSet
    began_at: float


class _Unsaved(NamedTuple):
    """Tokens that the store did not take, and the refresh token that they were given for."""

    predecessor: str
    held: _Held


class _Attempt:
    """One refresh under way, for a token other than `refused`. The outcome is None, or the error that it ended with."""

    def __init__(self, refused: str) -> None:
        self.refused = refused
        self.outcome: Future[Error | None] = Future()
        self.outcome.set_running_or_notify_cancel()


class AutoRefresh:
    """Gives an access token that is not about to expire, and gets one where there is none."""

    def __init__(self, issuer: Issuer, key: TokenKey, store: TokenStore, clock: Clock) -> None:
        self._issuer = issuer
        self._key = key
        self._store = store
        self.clock = clock
        self._held: _Held | None = None
        self._refused = ""
        self._unsaved: _Unsaved | None = None
        self._failures = 0
        self._failure: Error | None = None
        self._not_before = 0.0
        self._start_anew()
        _ALL.add(self)

    def _start_anew(self) -> None:
        """Have no attempt under way: at first, and in a forked child, where the thread of it does not exist."""
        self._lock = threading.Lock()
        self._attempt: _Attempt | None = None

    @property
    def lock_seconds(self) -> float:
        """How long a lock may be waited for: as long as the attempt of another process can take."""
        return (self._issuer.timeout_seconds + _LONGEST_PAUSE) * (len(_PAUSES) + 1)

    def access_token(self, refused: str = "") -> str:
        """Return an access token other than `refused`, waiting for a refresh where one is needed.

        Raises:
            SignInRequired: there are no tokens, or the session has ended.
            IssuerUnavailable: no refresh succeeded, and no token is left that is valid.
            TokenStoreUnavailable: as above, because of the store.
        """
        refused = refused or self._refused
        if (found := self._find(refused, fresh=True)) is not None:
            return found
        for _ in range(_MOST_ATTEMPTS):
            attempt = self._join(refused)
            error: Error | None = IssuerUnavailable(reason="refresh_takes_too_long")
            with suppress(TimeoutError):
                error = attempt.outcome.result(self._patience(refused))
            if (found := self._after(refused, error)) is not None:
                return found
        raise IssuerUnavailable(reason="refresh_brings_nothing_new")

    async def access_token_async(self, refused: str = "") -> str:
        """Return an access token as `access_token` does, without holding up the event loop of asyncio.

        Raises:
            SignInRequired: there are no tokens, or the session has ended.
            IssuerUnavailable: no refresh succeeded, and no token is left that is valid.
            TokenStoreUnavailable: as above, because of the store.
        """
        refused = refused or self._refused
        if (found := self._find(refused, fresh=True)) is not None:
            return found
        for _ in range(_MOST_ATTEMPTS):
            attempt = self._join(refused)
            error: Error | None = IssuerUnavailable(reason="refresh_takes_too_long")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._patience(refused)):
                    error = await asyncio.wrap_future(attempt.outcome)
            if (found := self._after(refused, error)) is not None:
                return found
        raise IssuerUnavailable(reason="refresh_brings_nothing_new")

    def refuse(self, token: str) -> None:
        """Remember that an API refused this token, so that the next caller gets another one."""
        self._refused = token

    def seconds_left(self) -> int:
        """How long the token that was given last is still valid."""
        held = self._held
        return 0 if held is None else max(0, int(self._left(held)))

    def put(self, tokens: TokenSet | None, began_at: float = 0.0) -> None:
        """Go on with the tokens of a new sign-in, or without any. They are in the store already."""
        with self._lock:
            self._held = None if tokens is None else _Held(tokens, began_at)
            self._unsaved = self._failure = None
            self._failures = 0

    def _find(self, refused: str, *, fresh: bool) -> str | None:
        held = self._held
        if held is None or held.tokens.access_token == refused:
            return None
        early = min(_EARLY_SECONDS, held.tokens.expires_in * _EARLY_PART) if fresh else 0.0
        return held.tokens.access_token if self._left(held) > early else None

    def _patience(self, refused: str) -> float:
        """How long a refresh is waited for: with a token that is still valid in hand, not long."""
        return 2 * self.lock_seconds if self._find(refused, fresh=False) is None else _PATIENCE_SECONDS

    def _left(self, held: _Held) -> float:
        """Seconds until the token expires. By the clock that is further on.

        The wall clock may be set back, and the monotonic one stands still while a machine sleeps.
        """
        passed = self.clock.monotonic() - held.began_at
        return held.tokens.expires_in - max(passed, self.clock.now() - held.tokens.obtained_at)

    def _after(self, refused: str, error: Error | None) -> str | None:
        """What to use after an attempt; None means that it was about another token, and one more is needed."""
        if isinstance(error, SignInRequired):
            raise copy.copy(error)
        found = self._find(refused, fresh=False)
        if found is None and error is not None:
            # A copy, because several threads would write their tracebacks into one.
            raise copy.copy(error)
        return found

    def _join(self, refused: str) -> _Attempt:
        """The attempt under way, or a new one. Soon after a failure, the failed one: the issuer is not hammered."""
        with self._lock:
            if self._attempt is not None:
                return self._attempt
            attempt = _Attempt(refused)
            if self._failure is not None and self.clock.monotonic() < self._not_before:
                attempt.outcome.set_result(self._failure)
                return attempt
            self._attempt = attempt
        thread = threading.Thread(target=self._run, args=(attempt,), name="tokenward-refresh")
        try:
            thread.start()
        except RuntimeError:
            # The interpreter is going down, or the system has no thread to give.
            self._run(attempt)
        return attempt

    def _run(self, attempt: _Attempt) -> None:
        error: Error | None = IssuerUnavailable(reason="refresh_abandoned")
        try:
            # Looked at first, so that nothing is made for an issuer at which nobody ever signed in.
            self._load()
            with self._store.locked(self._key, self.lock_seconds):
                self._renew(attempt.refused)
            error = None
        except Error as failure:
            error = failure
        except Exception:
            # A store is anybody's, and whoever waits must not wait for ever because of it.
            LOGGER.exception("%s: the store of tokens broke its contract", self._issuer.url)
        finally:
            self._end(attempt, error)

    def _end(self, attempt: _Attempt, error: Error | None) -> None:
        with self._lock:
            if self._attempt is attempt:
                self._attempt = None
            if error is None or isinstance(error, SignInRequired):
                self._failures, self._failure = 0, None
            else:
                wait = min(_FIRST_BACKOFF_SECONDS * 2.0**self._failures, _LONGEST_BACKOFF_SECONDS)
                asked = getattr(error, "retry_after_seconds", None) or 0
                self._not_before = self.clock.monotonic() + max(wait, min(asked, _LONGEST_RETRY_AFTER))
                self._failures = min(self._failures + 1, 10)
                self._failure = error
                LOGGER.warning("%s: no fresh token (%s)", self._issuer.url, error.reason)
        attempt.outcome.set_result(error)

    def _renew(self, refused: str) -> None:
        """Take what another process has put into the store, or refresh. The lock is held."""
        stored = self._load()
        if self._unsaved is not None:
            stored = self._save(self._unsaved, stored)
        self._held = self._held_of(stored)
        if self._find(refused, fresh=True) is not None:
            return
        began_at = self.clock.monotonic()
        try:
            successor = self._refresh(stored.refresh_token)
        except SignInRequired:
            self._held = None
            # It is the truth, whether it can be deleted or not.
            with suppress(Error):
                self._store.delete(self._key)
            raise
        # The new refresh token is kept before anything new is used. After a crash in between, the old one in the store
        # gets the same successor for a minute.
        self._unsaved = _Unsaved(stored.refresh_token, _Held(successor, began_at))
        self._save(self._unsaved, stored)

    def _load(self) -> TokenSet:
        stored = self._store.load(self._key)
        if stored is None:
            self._held = self._unsaved = None
            raise SignInRequired(
                f"Nobody is signed in: there are no tokens of {self._key.issuer} for the account "
                f"{self._key.account!r} in {self._store.place}. Sign in.",
                reason="no_tokens",
            )
        return stored

    def _save(self, unsaved: _Unsaved, stored: TokenSet) -> TokenSet:
        """Keep what the issuer gave, and go on with it; or with the store, where somebody has signed in meanwhile."""
        if stored.refresh_token == unsaved.predecessor:
            stored = unsaved.held.tokens
            self._store.save(self._key, stored)
            self._held = unsaved.held
        self._unsaved = None
        return stored

    def _held_of(self, stored: TokenSet) -> _Held | None:
        """What the store has, with its age by the wall clock; None where that clock was set back since."""
        if self._held is not None and self._held.tokens == stored:
            return self._held
        age = self.clock.now() - stored.obtained_at
        return _Held(stored, self.clock.monotonic() - age) if age >= 0 else None

    def _refresh(self, refresh_token: str) -> TokenSet:
        """Refresh, and ask again with the same refresh token where the answer was lost: the successor is the same."""
        pauses = iter(_PAUSES)
        while True:
            try:
                return self._issuer.refresh(refresh_token)
            except IssuerUnavailable as error:
                pause = next(pauses, None)
                asked = error.retry_after_seconds or 0
                lost = (
                    error.reason.startswith(("no_answer", "status_5"))
                    or error.retry_after_seconds is not None
                )
                if pause is None or not lost or asked > _LONGEST_PAUSE:
                    raise
                threading.Event().wait(max(pause, asked))


_ALL: Final = weakref.WeakSet[AutoRefresh]()


def _after_fork() -> None:
    for one in _ALL:
        one._start_anew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
