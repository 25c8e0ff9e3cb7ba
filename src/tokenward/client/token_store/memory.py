"""Tokens that end with the process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tokenward.client.errors import TokenStoreUnavailable
from tokenward.client.token_set import TokenKey, TokenSet


class MemoryTokenStore:
    """Keeps tokens in this process only; for tests, and for programs that sign in at each start."""

    def __init__(self) -> None:
        self._tokens: dict[TokenKey, TokenSet] = {}
        self._locks: dict[TokenKey, threading.Lock] = {}

    @property
    def place(self) -> str:
        """In words for a person."""
        return "the memory of this process"

    def load(self, key: TokenKey) -> TokenSet | None:
        """Return what was saved; see `TokenStore.load`."""
        return self._tokens.get(key)

    def save(self, key: TokenKey, tokens: TokenSet) -> None:
        """Keep these tokens until the process ends; see `TokenStore.save`."""
        self._tokens[key] = tokens

    def delete(self, key: TokenKey) -> None:
        """Forget the tokens; see `TokenStore.delete`."""
        self._tokens.pop(key, None)

    @contextmanager
    def locked(self, key: TokenKey, timeout_seconds: float) -> Iterator[None]:
        """Hold the lock of this key; see `TokenStore.locked`.

        Raises:
            TokenStoreUnavailable: another thread held it for so long.
        """
        lock = self._locks.setdefault(key, threading.Lock())
        if not lock.acquire(timeout=timeout_seconds):
            raise TokenStoreUnavailable(
                "Another refresh of these tokens does not end. Try again.", reason="locked"
            )
        try:
            yield
        finally:
            lock.release()
