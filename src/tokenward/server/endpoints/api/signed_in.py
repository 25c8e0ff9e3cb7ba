"""Who is signed in: the verified token of a request, and the account that it speaks of."""

from tokenward.errors import InvalidToken
from tokenward.server.accounts.accounts import AccountNotFound, Accounts
from tokenward.server.endpoints.messages import Request
from tokenward.server.endpoints.security import BearerGuard
from tokenward.server.storage.records import AccountRecord
from tokenward.tokens.access_token import AccessToken


class SignedIn:
    """Finds the account of a request."""

    def __init__(self, *, guard: BearerGuard, accounts: Accounts) -> None:
        self._guard = guard
        self._accounts = accounts

    async def check(self, request: Request) -> tuple[AccessToken, AccountRecord]:
        """The verified access token, and its account, enabled.

        Who reads a body calls it again afterwards: that may have taken seconds, in which everything may have been
        revoked.

        Raises:
            MissingToken, InvalidRequest, InvalidToken: as RFC 6750 section 3.1 distinguishes them.
            StorageUnavailable: whether it was revoked cannot be known now.
        """
        token = await self._guard.check(request)
        try:
            account = await self._accounts.get_as_of_position(token.sub)
        except AccountNotFound:
            raise InvalidToken(reason="account gone") from None
        if account.disabled_at is not None:
            # Disabling writes a revocation record too; the row is the last word all the same.
            raise InvalidToken(reason="account disabled")
        return token, account
