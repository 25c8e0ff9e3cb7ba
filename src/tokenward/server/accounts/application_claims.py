"""Claims that an application adds to access tokens, from a function of its own that is called at every issue.

Whatever the function answers, it cannot say who somebody is, for whom a token is meant, how long it lives or what it
allows: claims with such names are ours. What it may not answer is refused, and then nothing is issued.
"""

import asyncio
import contextvars
import inspect
import traceback
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import msgspec

from tokenward.errors import ConfigurationError, Error, InvalidToken
from tokenward.jose.jwt import decode_claims
from tokenward.protocol import names
from tokenward.server.accounts.account import Account, account_of
from tokenward.server.storage.interface import Storage
from tokenward.tokens.typed_claims import claims_reader

MOST_BYTES: Final = 4096
LONGEST_SECONDS: Final = 10.0
_THREADS = 8

RESERVED: Final = frozenset(
    {
        names.ISS,
        names.SUB,
        names.AUD,
        names.EXP,
        names.NBF,
        names.IAT,
        names.JTI,
        names.CLIENT_ID,
        names.SCOPE,
        names.SID,
        names.ROLES,
        names.CNF,
        names.NONCE,
        names.AZP,
        names.AUTH_TIME,
        names.ACR,
        names.AMR,
        names.AT_HASH,
        names.C_HASH,
        names.EVENTS,
        names.RSQ,
        # Delegation and rights as other specifications write them (RFC 8693, RFC 9396): an API may act on these, so
        # they must come from whoever grants them.
        "act",
        "may_act",
        "authorization_details",
    }
)
"""Names of claims that an application cannot set."""


class ClaimsRefused(Error):
    """The application's function failed, or answered what no token may say. The caller hears of a server error."""


class AddedClaims(NamedTuple):
    """What the function answered, and the head of the revocation log from before the account was read.

    A token with these claims must not carry a higher `rsq`: a record that was written in between is about an account
    that the function did not see, and has to refuse the token.
    """

    claims: dict[str, Any]
    n: int


class ApplicationClaims:
    """Asks the application's function, and holds its answer to the rules.

    A function that is no coroutine runs in a thread, so that one which waits for a database holds up nobody else. It
    may be called and its answer not used, so it must change nothing.

    Args:
        function: gets the account, and answers a msgspec Struct, a dataclass, a TypedDict or a dictionary.
        claims_type: what its answers must be readable as, together with the claims that every token has; or None.

    Raises:
        ConfigurationError: `function` is none, or `claims_type` cannot be read from JSON.
    """

    def __init__(
        self, function: Callable[[Account], object | Awaitable[object]], claims_type: type[Any] | None = None
    ) -> None:
        if not callable(function):
            raise ConfigurationError("`claims` must be a function that takes an account.")
        self._function = function
        self._is_coroutine = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
            getattr(function, "__call__", None)  # noqa: B004 - an object whose call is a coroutine
        )
        self._read = None if claims_type is None else claims_reader(claims_type)
        self._threads: ThreadPoolExecutor | None = None

    async def of_account(self, storage: Storage, sub: str) -> AddedClaims:
        """The claims for the account as it is at this moment.

        Raises:
            ClaimsRefused: the function failed or took longer than ten seconds; there is no such account; or the answer
                is no JSON object, is larger than 4 KiB, or has a claim that is not the application's to set.
            StorageUnavailable: the account cannot be read.
        """
        n = (await storage.position()).n
        record = await storage.accounts.find(sub)
        if record is None:
            raise ClaimsRefused(reason="claims: the account is gone")
        account = account_of(record)
        return AddedClaims(self._checked(await self._call(account), account), n)

    def close(self) -> None:
        """Let the threads end; one in which the function hangs is left behind."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None

    async def _call(self, account: Account) -> object:
        limit = asyncio.timeout(LONGEST_SECONDS)
        task = asyncio.current_task()
        cancelled_before = 0 if task is None else task.cancelling()
        try:
            async with limit:
                if self._is_coroutine:
                    answer = self._function(account)
                else:
                    answer = await self._call_in_thread(account)
                return await answer if inspect.isawaitable(answer) else answer
        except asyncio.CancelledError as error:
            if task is None or task.cancelling() > cancelled_before:
                raise
            # Nobody cancelled this request. It comes out of the function, which waited for a task that was cancelled.
            reason = f"claims: {type(error).__name__}"
        except Exception as error:  # noqa: BLE001 - whatever the application raises, nothing is issued
            if limit.expired():
                raise ClaimsRefused(
                    reason=f"claims: the function took longer than {LONGEST_SECONDS:.0f} seconds"
                ) from None
            # Its message may hold what is the user's; its kind and place do not.
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"claims: {type(error).__name__} in {place.name}:{place.lineno}"
        raise ClaimsRefused(reason=reason)

    async def _call_in_thread(self, account: Account) -> object:
        if self._threads is None:
            # Threads of its own: a function that hangs must not take those that the storage works in.
            self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tokenward-claims")
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, context.run, self._call_here, account)

    def _call_here(self, account: Account) -> object:
        try:
            return self._function(account)
        except StopIteration as error:
            # `next()` of nothing. It cannot leave a thread by a Future: whoever awaits that would wait for ever.
            raise RuntimeError from error

    def _checked(self, answer: object, account: Account) -> dict[str, Any]:
        try:
            text = msgspec.json.encode(answer)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ClaimsRefused(
                reason=f"claims: a {type(answer).__name__} is no JSON ({type(error).__name__})"
            ) from None
        if len(text) > MOST_BYTES:
            raise ClaimsRefused(reason=f"claims: {len(text)} bytes, more than {MOST_BYTES}")
        try:
            # As strictly as every verifier reads it.
            claims = decode_claims(text)
        except InvalidToken as error:
            raise ClaimsRefused(
                reason=f"claims: a {type(answer).__name__} is no object ({error.reason})"
            ) from None
        if ours := sorted(RESERVED & claims.keys()):
            raise ClaimsRefused(reason=f"claims: not the application's to set: {', '.join(ours)}")
        if self._read is not None:
            try:
                self._read(msgspec.json.encode({**_of_every_token(account), **claims}))
            except InvalidToken as error:
                raise ClaimsRefused(
                    reason=f"claims: not as claims_type says: {error.reason} {error.claim}"
                ) from None
        return claims


def _of_every_token(account: Account) -> dict[str, Any]:
    """Claims of the form that every token has them in, since `claims_type` may name some of them as well."""
    return {
        **dict.fromkeys((names.ISS, names.AUD, names.CLIENT_ID, names.JTI, names.SCOPE, names.SID), ""),
        **dict.fromkeys((names.EXP, names.IAT, names.AUTH_TIME, names.RSQ), 0),
        names.SUB: account.sub,
        names.AMR: [],
        names.ROLES: account.roles,
    }
