"""One account at one issuer: signing in and out, and its access token."""

import logging
import ssl
from contextlib import AbstractContextManager, suppress
from typing import Final

from tokenward.client.auto_refresh import AutoRefresh
from tokenward.client.errors import SignInRequired
from tokenward.client.issuer import Issuer
from tokenward.client.sign_in import SignIn
from tokenward.client.token_set import TokenKey, TokenSet
from tokenward.client.token_store.choice import default_store
from tokenward.client.token_store.interface import TokenStore
from tokenward.clock import Clock, SystemClock
from tokenward.errors import ConfigurationError, Error

LOGGER: Final = logging.getLogger("tokenward.client")
_LONGEST_ACCOUNT: Final = 64


class TokenwardClient:
    """The tokens of one account at one issuer, kept in a store and refreshed when they are needed.

    It may be used from threads and event loops at the same time, and by several processes on one store. Building it
    sends nothing and reads no token.

    Args:
        issuer: the address of the server, such as `https://auth.example.com`.
        store: where the tokens are kept; by default `default_store()`.
        account: a name of your own for one of several accounts at this issuer. It need not be the one to sign in with.
        insecure_loopback_http: allow `http` for an issuer, and for origins, on this machine.
        timeout_seconds: how long connecting to the issuer, and each wait for its answer, may take.
        ssl_context: for an issuer whose certificate is of an authority of your own.
        clock: for tests.

    Raises:
        ConfigurationError: when the issuer is not an https address, or another argument makes no sense.
    """

    def __init__(
        self,
        issuer: str,
        *,
        store: TokenStore | None = None,
        account: str = "default",
        insecure_loopback_http: bool = False,
        timeout_seconds: float = 10.0,
        ssl_context: ssl.SSLContext | None = None,
        clock: Clock | None = None,
    ) -> None:
        if not 0 < len(account) <= _LONGEST_ACCOUNT or not account.isprintable():
            raise ConfigurationError("`account` must be 1 to 64 printable characters.")
        self._clock = SystemClock() if clock is None else clock
        self._issuer = Issuer(
            issuer,
            insecure_loopback_http=insecure_loopback_http,
            timeout_seconds=timeout_seconds,
            ssl_context=ssl_context,
            clock=self._clock,
        )
        self.insecure_loopback_http = insecure_loopback_http
        self._store = default_store() if store is None else store
        self._key = TokenKey(self._issuer.url, account)
        self._tokens = AutoRefresh(self._issuer, self._key, self._store, self._clock)

    def __repr__(self) -> str:
        return f"TokenwardClient({self._key.issuer!r}, account={self._key.account!r})"

    @property
    def issuer(self) -> str:
        """The address of the issuer, without a slash at its end."""
        return self._issuer.url

    @property
    def origin(self) -> str:
        """The origin of the issuer."""
        return self._issuer.origin

    @property
    def place(self) -> str:
        """Where the tokens are kept, in words for a person."""
        return self._store.place

    def sign_in(self, way: SignIn) -> None:
        """Sign in, and keep the tokens. The session that this replaces is ended, as far as that succeeds.

        Raises:
            SignInFailed: the issuer or the person refused. Earlier tokens are still there.
            IssuerUnavailable: the issuer gave no usable answer.
            TokenStoreUnavailable: the tokens cannot be kept. The new session is ended again.
        """
        began_at = self._clock.monotonic()
        tokens = way.obtain(self._issuer)
        replaced: TokenSet | None = None
        try:
            with self._locked():
                # Whatever cannot be read is written over.
                with suppress(Error):
                    replaced = self._store.load(self._key)
                self._store.save(self._key, tokens)
                self._tokens.put(tokens, began_at)
        except Error:
            self._end_quietly(tokens)
            raise
        if replaced is not None:
            self._end_quietly(replaced)

    def sign_out(self, *, everywhere: bool = False) -> None:
        """End the session, or with `everywhere` every session of the account, and forget the tokens.

        A session that has ended already is no error when only that one is to be ended.

        Raises:
            SignInRequired: nobody is signed in; or everywhere is asked for, and the session has ended.
            IssuerUnavailable: no usable answer. The session may live on, so the tokens are kept: call it again.
            TokenStoreUnavailable: the tokens cannot be read or deleted.
        """
        if everywhere:
            self._end_everywhere()
        with self._locked():
            stored = self._store.load(self._key)
            if stored is None and not everywhere:
                raise SignInRequired(f"Nobody is signed in at {self._issuer.url}.", reason="no_tokens")
            if stored is not None and not everywhere:
                self._issuer.log_out(stored.refresh_token)
            self._store.delete(self._key)
            self._tokens.put(None)

    def forget(self) -> None:
        """Delete the tokens here and tell nobody: the session lives on until it expires or is ended elsewhere.

        Raises:
            TokenStoreUnavailable: they are still there.
        """
        with self._locked():
            self._store.delete(self._key)
            self._tokens.put(None)

    def access_token(self) -> str:
        """Return an access token that is not about to expire, refreshing it where needed. It waits for that.

        Raises:
            SignInRequired: nobody is signed in, or the session has ended.
            IssuerUnavailable: no refresh succeeded, and no valid token is left.
            TokenStoreUnavailable: the store cannot be used, and no valid token is left.
        """
        return self._tokens.access_token()

    async def access_token_async(self) -> str:
        """Return an access token as `access_token` does, without holding up the event loop. For asyncio.

        Raises:
            SignInRequired: nobody is signed in, or the session has ended.
            IssuerUnavailable: no refresh succeeded, and no valid token is left.
            TokenStoreUnavailable: the store cannot be used, and no valid token is left.
        """
        return await self._tokens.access_token_async()

    @property
    def seconds_left(self) -> int:
        """How long the access token in memory is still valid; 0 where there is none."""
        return self._tokens.seconds_left()

    @property
    def tokens(self) -> AutoRefresh:
        """What `TokenAuth` takes tokens from. Not for applications."""
        return self._tokens

    def _locked(self) -> AbstractContextManager[None]:
        return self._store.locked(self._key, self._tokens.lock_seconds)

    def _end_everywhere(self) -> None:
        token = self._tokens.access_token()
        try:
            self._issuer.log_out_everywhere(token)
        except SignInRequired:
            # Refused before its time, as after a change of roles; the session may live.
            self._issuer.log_out_everywhere(self._tokens.access_token(refused=token))

    def _end_quietly(self, tokens: TokenSet) -> None:
        """End a session that nobody has the tokens of any more."""
        try:
            self._issuer.log_out(tokens.refresh_token)
        except Error as error:
            LOGGER.warning(
                "%s: a session that nobody uses was not ended (%s)", self._issuer.url, error.reason
            )
