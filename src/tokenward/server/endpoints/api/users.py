"""`/api/v1/users/me`: the account that the access token speaks of."""

import msgspec

from tokenward.errors import InvalidToken
from tokenward.server.accounts.accounts import AccountNotFound, Accounts
from tokenward.server.endpoints.bodies import read_json
from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.endpoints.security import BearerGuard
from tokenward.server.storage.records import AccountRecord


class UserChanges(msgspec.Struct):
    """What an account may change of itself. A member that is left out stays as it is."""

    name: str | msgspec.UnsetType = msgspec.UNSET
    username: str | msgspec.UnsetType = msgspec.UNSET


def user(account: AccountRecord) -> dict[str, object]:
    """An account as its owner sees it. Times are UTC seconds."""
    return {
        "id": account.sub,
        "email": account.email,
        "username": account.username,
        "name": account.name,
        "roles": account.roles,
        "created_at": account.created_at,
        "updated_at": account.updated_at,
    }


class UserEndpoints:
    """Read and change the signed-in account."""

    def __init__(self, *, guard: BearerGuard, accounts: Accounts) -> None:
        self._guard = guard
        self._accounts = accounts

    async def read_me(self, request: Request) -> Response:
        """`GET /api/v1/users/me`."""
        return json_response(user(await self._check(request)))

    async def change_me(self, request: Request) -> Response:
        """`PATCH /api/v1/users/me`."""
        await self._check(request)
        changes = await read_json(request, UserChanges)
        # Once more: the body may have taken seconds to arrive, in which everything may have been revoked.
        account = await self._check(request)
        changed = await self._accounts.update_profile(
            account.sub,
            name=None if changes.name is msgspec.UNSET else changes.name,
            username=None if changes.username is msgspec.UNSET else changes.username,
            actor=account.sub,
            request_id=request.id,
        )
        return json_response(user(changed))

    async def _check(self, request: Request) -> AccountRecord:
        token = await self._guard.check(request)
        try:
            account = await self._accounts.get_as_of_position(token.sub)
        except AccountNotFound:
            raise InvalidToken(reason="account gone") from None
        if account.disabled_at is not None:
            # Disabling writes a revocation record too; the row is the last word all the same.
            raise InvalidToken(reason="account disabled")
        return account
