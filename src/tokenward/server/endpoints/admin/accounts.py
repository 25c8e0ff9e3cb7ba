"""`/api/v1/admin/accounts`: find, create, change and delete accounts."""

import re
from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from tokenward.protocol.errors import (
    ACCOUNT_EXISTS,
    EXTERNAL_ID_TAKEN,
    LAST_ADMIN,
    NOT_FOUND,
    OVERLOADED,
    WEAK_PASSWORD,
)
from tokenward.server.accounts.accounts import AccountNotFound, Accounts
from tokenward.server.accounts.administration import AccountSearch, Administration
from tokenward.server.accounts.erasure import Erasure
from tokenward.server.accounts.linking import link_account
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_RECEIPT,
    EXAMPLE_USER,
    User,
    receipt,
    user,
)
from tokenward.server.endpoints.bodies import read_json
from tokenward.server.endpoints.cursors import encode_cursor, read_cursor
from tokenward.server.endpoints.documentation import fields
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.messages import Request, Response, extended, json_response
from tokenward.server.endpoints.paging import Page, PageQuery, list_response, read_paging
from tokenward.server.storage.records import AccountRecord

# All of them are listed by `sub`, those that a search finds by login.
_ALL, _FOUND = "a", "af"
_SUB = re.compile(r"usr_[A-Za-z0-9_-]{22}")


class NewAccount(msgspec.Struct):
    """A new account: `email` or `username` or both, a password, a name to be called by, roles, and an external id."""

    password: fields.NewPassword
    email: fields.Email | None = None
    username: fields.Username | None = None
    name: fields.Name = ""
    roles: fields.Roles = ()
    external_id: fields.ExternalId | None = None


class NewExternalId(msgspec.Struct):
    """What the application calls its own row of this person; `null` ends the link."""

    external_id: fields.ExternalId | None


class NewRoles(msgspec.Struct):
    """All roles that the account is to have; those that are not named are taken away."""

    roles: fields.Roles


class SetPassword(msgspec.Struct):
    """The new password. The old one is not asked for."""

    password: fields.NewPassword


class AccountQuery(PageQuery):
    """The query of the list of accounts."""

    search: (
        Annotated[
            str,
            Meta(
                description="How an e-mail address or user name begins; upper and lower case do not count.",
                extra_json_schema={"minLength": 1, "maxLength": 254},
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class Administered(User):
    """An account as an administrator sees it. `disabled_at` is `null` while it may sign in."""

    disabled_at: fields.Seconds | None
    external_id: fields.ExternalId | None


class AccountPage(Page[Administered]):
    """Some of the accounts."""


class ChangedAccount(msgspec.Struct):
    """The account after the change; `revoked_from` is `null` where no token had to be revoked."""

    account: Administered
    revoked_from: fields.LogNumber | None


class LinkedAccount(msgspec.Struct):
    """The account after the change."""

    account: Administered


_PASSWORD = "seven green boats at noon"  # noqa: S105 - an example
_EXAMPLE = extended(Administered, EXAMPLE_USER, disabled_at=None, external_id=None)
_EXAMPLE_CHANGE = ChangedAccount(_EXAMPLE, EXAMPLE_RECEIPT.revoked_from)


def administered(account: AccountRecord) -> Administered:
    """An account as an administrator sees it."""
    return extended(
        Administered, user(account), disabled_at=account.disabled_at, external_id=account.external_id
    )


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

    @described("listAccounts", access=Access.ADMIN, query=AccountQuery, answer=AccountPage([_EXAMPLE], None))
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

    @described(
        "createAccount",
        access=Access.ADMIN,
        body=NewAccount(_PASSWORD, email="grace@example.com", name="Grace Hopper", roles=("reader",)),
        status=201,
        answer=_EXAMPLE,
        refuses=(ACCOUNT_EXISTS, EXTERNAL_ID_TAKEN, WEAK_PASSWORD, OVERLOADED),
    )
    async def create_account(self, request: Request) -> Response:
        """`POST /api/v1/admin/accounts`: create an account. 201 with it.

        It is told to nobody: hand the password over.
        """
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

    @described("readAccount", access=Access.ADMIN, answer=_EXAMPLE, refuses=(NOT_FOUND,))
    async def read_account(self, request: Request) -> Response:
        """`GET /api/v1/admin/accounts/{sub}`: one account."""
        await self._admins.check(request)
        return json_response(administered(await self._accounts.get(get_sub(request))))

    @described(
        "disableAccount",
        access=Access.ADMIN,
        answer=ChangedAccount(
            extended(Administered, EXAMPLE_USER, disabled_at=1763989200, external_id=None),
            EXAMPLE_RECEIPT.revoked_from,
        ),
        refuses=(NOT_FOUND, LAST_ADMIN),
    )
    async def disable_account(self, request: Request) -> Response:
        """`POST /api/v1/admin/accounts/{sub}/disable`: sign it out everywhere and let it sign in no more."""
        return await self._set_disabled(request, disabled=True)

    @described(
        "enableAccount",
        access=Access.ADMIN,
        answer=ChangedAccount(_EXAMPLE, None),
        refuses=(NOT_FOUND,),
    )
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

    @described(
        "setRoles",
        access=Access.ADMIN,
        body=NewRoles(("reader",)),
        answer=_EXAMPLE_CHANGE,
        refuses=(NOT_FOUND, LAST_ADMIN),
    )
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

    @described(
        "setExternalId",
        access=Access.ADMIN,
        body=NewExternalId("customer-7"),
        answer=LinkedAccount(_EXAMPLE),
        refuses=(NOT_FOUND, EXTERNAL_ID_TAKEN),
    )
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
        return json_response(LinkedAccount(administered(account)))

    @described(
        "setPassword",
        access=Access.ADMIN,
        body=SetPassword("nine grey herons on a roof"),
        answer=_EXAMPLE_CHANGE,
        refuses=(NOT_FOUND, WEAK_PASSWORD, OVERLOADED),
    )
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

    @described("deleteAccount", access=Access.ADMIN, answer=EXAMPLE_RECEIPT, refuses=(NOT_FOUND, LAST_ADMIN))
    async def delete_account(self, request: Request) -> Response:
        """`DELETE /api/v1/admin/accounts/{sub}`: erase the account and all that is kept about the person, for good."""
        admin = await self._admins.check(request)
        ended = await self._erasure.erase(
            get_sub(request), actor=admin.sub, request_id=request.id, as_admin=admin.sub
        )
        return receipt(ended)

    async def _changed(self, sub: str, n: int | None) -> Response:
        account = await self._accounts.get(sub)
        return json_response(ChangedAccount(administered(account), n))


def _page(kind: str, accounts: Iterable[AccountRecord], place: str | None) -> Response:
    return list_response(map(administered, accounts), None if place is None else encode_cursor(kind, place))
