"""Where a verifier gets keys that can change while it runs."""

from typing import Protocol

from tokenward.errors import Error
from tokenward.jose.jwks import JWKSet
from tokenward.protocol.errors import KEYS_UNAVAILABLE


class KeysUnavailable(Error):
    """The keys of the issuer could not be had, and none are left that may still be trusted.

    The token was neither accepted nor refused; `reason` says what went wrong at the last attempt.
    """

    code = KEYS_UNAVAILABLE
    status = 503
    description = (
        "The keys that verify this token are not available at the moment. Try again in a few seconds."
    )


class CurrentKeys(Protocol):
    """What waiting and asynchronous sources have in common."""

    def current(self) -> JWKSet | None:
        """Return the keys that may be used now, without ever waiting; None when there are none.

        The same object comes back until the keys change. Where a refresh is due, it is begun beside the caller.
        """
        ...


class KeySource(CurrentKeys, Protocol):
    """Keys that a thread can wait for."""

    def refresh(self, seen: JWKSet | None = None) -> JWKSet:
        """Wait for keys other than `seen`, as far as one attempt can bring them, and return what may be used.

        With `seen` the caller says: a token names a key that is not in there, or its signature did not fit.
        An attempt under way is joined, and where the last one was less than the cooldown ago none is made; then
        `seen` comes back. Without `seen` any keys will do.

        Raises:
            KeysUnavailable: when there are no keys that may be used.
        """
        ...


class AsyncKeySource(CurrentKeys, Protocol):
    """Keys that a coroutine can wait for."""

    async def refresh(self, seen: JWKSet | None = None) -> JWKSet:
        """Wait like `KeySource.refresh`, without holding up the event loop."""
        ...
