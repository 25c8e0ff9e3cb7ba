"""`/api/v1/admin/accounts`: find, create, change and delete accounts."""

import re
from collections.abc import Iterable

import msgspec

from tokenward.server.accounts.accounts import AccountNotFound, Accounts
from tokenward.server.accounts.administration import AccountSearch, Administration
from tokenward.server.accounts.erasure import Erasure
from tokenward.server.accounts.linking import link_account
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.api.rendering import receipt, user
from tokenward.server.endpoints.bodies import read_json
from tokenward.server.endpoints.cursors import encode_cursor, read_cursor
from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.endpoints.paging import list_response, read_paging
from tokenward.server.storage.records import AccountRecord

# All of them are listed by `sub`, those that a search finds by login.
_ALL, _FOUND = "a", "af"
_SUB = re.compile(r"usr_[A-Za-z0-9_-]{22}")


class NewAccount(msgspec.Struct):
    """A new account: `email` or `username` or both, a password, a name to be called by, roles, and an external id."""

    password: str
    email: str | None = None
    username: str | None = None
    name: str = ""
    roles: tuple[str, ...] = ()
    external_id: str | None = None


class NewExternalId(msgspec.Struct):
    """What the application calls its own row of this person; `null` ends the link."""

    external_id: str | None


class NewRoles(msgspec.Struct):
    """All roles that the account is to have; those that are not named are taken away."""

    roles: tuple[str, ...]


class SetPassword(msgspec.Struct):
    """The new password. The old one is not asked for."""

    password: str


def administered(account: AccountRecord) -> dict[str, object]:
    """An account as an administrator sees it. Times are UTC seconds."""
    return {**user(account), "disabled_at": account.disabled_at, "external_id": account.external_id}


def get_sub(request: Request) -> str:
    """The account id in the path.

    Raises:
        AccountNotFound: it can be none.
    """
    sub = request.parameters["sub"]
    if not _SUB.fullmatch(sub):
        raise AccountNotFound(reason="malformed sub")
    return sub


class AdminAccountEndpoints:
    """Accounts, for administrators."""

    def __init__(
        self, *, admins: Admins, accounts: Accounts, search: AccountSearch, erasure: Erasure
    ) -> None:
        self._admins = admins
        self._accounts = accounts
        self._search = search
        self._erasure = erasure

    async def list_accounts(self, request: Request) -> Response:
        """`GET /api/v1/admin/accounts`: all accounts, disabled ones included, in no order that means anything.

        With `search` those whose e-mail address or user name begins so, in the order of that; upper and lower case do
        not count.
        """
        await self._admins.check(request)
        paging = read_paging(request, "search")
        if "search" in paging.filters:
            login = read_cursor(paging.after, _FOUND, str)
            found, place = await self._search.page(paging.filters["search"], login, paging.limit)
            return _page(_FOUND, found, place)
        page = await self._accounts.page(read_cursor(paging.after, _ALL, str), paging.limit)
        return _page(_ALL, page.items, page.next_cursor)

    async def create_account(self, request: Request) -> Response:
        """`POST /api/v1/admin/accounts`: 201 with the account. It is told to nobody: hand the password over."""
        await self._admins.check(request)
        body = await read_json(request, NewAccount)
        admin = await self._admins.check(request)
        account = await Administration(self._accounts, admin.sub).create(
            email=body.email,
            username=body.username,
            name=body.name,
            password=body.password,
            roles=body.roles,
            external_id=body.external_id,
            actor=admin.sub,
            request_id=request.id,
        )
        return json_response(administered(account), 201)

    async def read_account(self, request: Request) -> Response:
        """`GET /api/v1/admin/accounts/{sub}`."""
        await self._admins.check(request)
        return json_response(administered(await self._accounts.get(get_sub(request))))

    async def disable_account(self, request: Request) -> Response:
        """`POST /api/v1/admin/accounts/{sub}/disable`: sign it out everywhere and let it sign in no more."""
        return await self._set_disabled(request, disabled=True)

    async def enable_account(self, request: Request) -> Response:
        """`POST /api/v1/admin/accounts/{sub}/enable`: let it sign in again. No session comes back."""
        return await self._set_disabled(request, disabled=False)

    async def _set_disabled(self, request: Request, *, disabled: bool) -> Response:
        admin = await self._admins.check(request)
        sub = get_sub(request)
        n = await Administration(self._accounts, admin.sub).set_disabled(
            sub, disabled=disabled, actor=admin.sub, request_id=request.id
        )
        return await self._changed(sub, n)

    async def set_roles(self, request: Request) -> Response:
        """`PUT /api/v1/admin/accounts/{sub}/roles`: replace the roles.

        Access tokens with the old ones are refused at once; sessions go on and get the new ones at their next refresh.
        """
        await self._admins.check(request)
        body = await read_json(request, NewRoles)
        admin = await self._admins.check(request)
        sub = get_sub(request)
        n = await Administration(self._accounts, admin.sub).set_roles(
            sub, body.roles, actor=admin.sub, request_id=request.id
        )
        return await self._changed(sub, n)

    async def set_external_id(self, request: Request) -> Response:
        """`PUT /api/v1/admin/accounts/{sub}/external-id`: link the account to a row of the application's own.

        Nothing is revoked. Two accounts cannot have the same external id: 409 `external_id_taken`.
        """
        await self._admins.check(request)
        body = await read_json(request, NewExternalId)
        admin = await self._admins.check(request)
        account = await link_account(
            Administration(self._accounts, admin.sub),
            get_sub(request),
            body.external_id,
            actor=admin.sub,
            request_id=request.id,
        )
        return json_response({"account": administered(account)})

    async def set_password(self, request: Request) -> Response:
        """`PUT /api/v1/admin/accounts/{sub}/password`: set a new password, which signs the account out everywhere."""
        await self._admins.check(request)
        body = await read_json(request, SetPassword)
        admin = await self._admins.check(request)
        sub = get_sub(request)
        n = await Administration(self._accounts, admin.sub).set_password(
            sub, body.password, actor=admin.sub, request_id=request.id
        )
        return await self._changed(sub, n)

    async def delete_account(self, request: Request) -> Response:
        """`DELETE /api/v1/admin/accounts/{sub}`: erase the account and all that is kept about the person, for good."""
        admin = await self._admins.check(request)
        ended = await self._erasure.erase(
            get_sub(request), actor=admin.sub, request_id=request.id, as_admin=admin.sub
        )
        return receipt(ended)

    async def _changed(self, sub: str, n: int | None) -> Response:
        account = await self._accounts.get(sub)
        return json_response({"account": administered(account), "revoked_from": n})


def _page(kind: str, accounts: Iterable[AccountRecord], place: str | None) -> Response:
    return list_response(map(administered, accounts), None if place is None else encode_cursor(kind, place))
