"""What can go wrong for whoever holds tokens. One class for each thing that a caller would do about it."""

from tokenward.errors import Error
from tokenward.protocol.errors import (
    INVALID_CREDENTIALS,
    ISSUER_UNAVAILABLE,
    SIGN_IN_REQUIRED,
    TOKEN_STORE_UNAVAILABLE,
)


class SignInRequired(Error):
    """There are no tokens, or the session behind them has ended. Somebody has to sign in."""

    code = SIGN_IN_REQUIRED
    status = 401
    description = "Nobody is signed in, or the session has ended. Sign in again."


class SignInFailed(Error):
    """The issuer refused a sign-in: a wrong name or password, a disabled account, or a body that it does not take."""

    code = INVALID_CREDENTIALS
    status = 401
    description = "The sign-in was refused. Check the name and the password."


class IssuerUnavailable(Error):
    """The issuer gave no usable answer. Tokens are kept, and asking again later may help.

    `retry_after_seconds` is what the issuer asked for, or None.
    """

    code = ISSUER_UNAVAILABLE
    status = 503
    description = "The authorization server gave no usable answer. Try again in a few seconds."
    retry_after_seconds: int | None

    def __init__(
        self, description: str | None = None, *, reason: str = "", retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(description, reason=reason)
        self.retry_after_seconds = retry_after_seconds


class TokenStoreUnavailable(Error):
    """The store cannot be read or written, or others could read it; the description says what to do."""

    code = TOKEN_STORE_UNAVAILABLE
    status = 503
    description = "The tokens cannot be read or kept. Look at the store of tokens."
