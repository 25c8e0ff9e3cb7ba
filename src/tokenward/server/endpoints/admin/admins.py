"""Who is let in: an enabled account that has the role `admin` now, with a token that says so."""

from tokenward.server.accounts.administration import InsufficientRole
from tokenward.server.accounts.profile import ADMIN
from tokenward.server.endpoints.api.signed_in import SignedIn
from tokenward.server.endpoints.messages import Request
from tokenward.server.storage.records import AccountRecord


class Admins:
    """The guard of every path under `/api/v1/admin/`."""

    def __init__(self, signed_in: SignedIn) -> None:
        self._signed_in = signed_in

    async def check(self, request: Request) -> AccountRecord:
        """The administrator who asks.

        Who reads a body calls it again afterwards: that may have taken seconds, in which the role may have been taken
        away.

        Raises:
            MissingToken, InvalidRequest, InvalidToken: as RFC 6750 section 3.1 distinguishes them.
            InsufficientRole: the token or the account lacks the role. The row has the last word, whatever the token
                says; and a token that was not issued to an administrator does not become one's.
            StorageUnavailable: whether it was revoked cannot be known now.
        """
        token, account = await self._signed_in.check(request)
        if ADMIN not in account.roles:
            raise InsufficientRole(reason="account without the role admin")
        if ADMIN not in token.roles:
            raise InsufficientRole(reason="token without the role admin")
        return account
