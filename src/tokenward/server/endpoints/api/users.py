"""`/api/v1/users/me`: the account that the access token speaks of."""

from functools import partial

import msgspec

from tokenward.errors import InvalidToken
from tokenward.protocol.errors import (
    ACCOUNT_EXISTS,
    BROWSER_CHECK_FAILED,
    INSUFFICIENT_ROLE,
    INVALID_CREDENTIALS,
    INVALID_GRANT,
    LAST_ADMIN,
    NOT_FOUND,
    ORIGIN_REFUSED,
    OVERLOADED,
    RATE_LIMITED,
    WEAK_PASSWORD,
)
from tokenward.server.accounts.accounts import AccountNotFound, Accounts
from tokenward.server.accounts.erasure import Erasure
from tokenward.server.accounts.export import Export
from tokenward.server.accounts.password_check import PasswordCheck
from tokenward.server.accounts.profile import ADMIN
from tokenward.server.endpoints.api.cookie_delivery import CookieDelivery, Delivery, deliver
from tokenward.server.endpoints.api.exported import EXAMPLE_EXPORT, exported
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_RECEIPT,
    EXAMPLE_TOKENS,
    EXAMPLE_USER,
    Tokens,
    caller,
    receipt,
    receipt_answer,
    token_answer,
    user,
)
from tokenward.server.endpoints.api.signed_in import SignedIn
from tokenward.server.endpoints.bodies import read_json
from tokenward.server.endpoints.cursors import encode_cursor, read_cursor
from tokenward.server.endpoints.documentation import fields
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.messages import Request, Response, extended, json_response
from tokenward.server.endpoints.paging import PageQuery, list_response, read_paging
from tokenward.server.endpoints.telemetry import Metrics
from tokenward.server.login import Login, token_sid
from tokenward.server.rate_limit import ChangeThrottle
from tokenward.server.sessions.sessions import Ended
from tokenward.server.storage.records import AccountRecord

# Which list a cursor is of.
_EXPORT = "x"


class UserChanges(msgspec.Struct):
    """What an account may change of itself. A member that is left out stays as it is."""

    name: fields.Name | msgspec.UnsetType = msgspec.UNSET
    username: fields.Username | msgspec.UnsetType = msgspec.UNSET


class NewPassword(msgspec.Struct):
    """The password of now, the new one, and whether the other sessions end, which they do unless this says `false`.

    `delivery` says where the new refresh token goes.
    """

    current_password: fields.Password
    new_password: fields.NewPassword
    end_other_sessions: bool = True
    delivery: Delivery = "body"


class ErasureRequest(msgspec.Struct):
    """The password of now."""

    current_password: fields.Password


class PasswordReplaced(Tokens, kw_only=True):
    """The tokens with which this session goes on, how many others ended, and from where their tokens are refused."""

    ended_sessions: fields.Count
    revoked_from: fields.LogNumber


class UserEndpoints:
    """Read, change, export and erase the signed-in account."""

    def __init__(
        self,
        *,
        signed_in: SignedIn,
        accounts: Accounts,
        login: Login,
        erasure: Erasure,
        export: Export,
        password_check: PasswordCheck,
        cookies: CookieDelivery,
        change_throttle: ChangeThrottle,
        metrics: Metrics,
    ) -> None:
        self._signed_in = signed_in
        self._accounts = accounts
        self._login = login
        self._erasure = erasure
        self._export = export
        self._password_check = password_check
        self._cookies = cookies
        self._change_throttle = change_throttle
        self._metrics = metrics

    @described("readMe", access=Access.TOKEN, answer=EXAMPLE_USER)
    async def read_me(self, request: Request) -> Response:
        """`GET /api/v1/users/me`: the account that is signed in."""
        _, account = await self._signed_in.check(request)
        return json_response(user(account))

    @described(
        "changeMe",
        access=Access.TOKEN,
        body=UserChanges(name="Ada King"),
        answer=EXAMPLE_USER,
        refuses=(ACCOUNT_EXISTS, NOT_FOUND, RATE_LIMITED),
    )
    async def change_me(self, request: Request) -> Response:
        """`PATCH /api/v1/users/me`: change the name or the user name."""
        await self._signed_in.check(request)
        changes = await read_json(request, UserChanges)
        _, account = await self._signed_in.check(request)
        changed = await self._accounts.update_profile(
            account.sub,
            name=None if changes.name is msgspec.UNSET else changes.name,
            username=None if changes.username is msgspec.UNSET else changes.username,
            actor=account.sub,
            request_id=request.id,
            # Each change is a row in the audit log, which a client must not fill; what changes nothing is free.
            permit=partial(self._change_throttle.take, account.sub, "profile"),
        )
        return json_response(user(changed))

    @described(
        "eraseMe",
        access=Access.TOKEN,
        body=ErasureRequest("seven green boats at noon"),
        answer=EXAMPLE_RECEIPT,
        refuses=(
            INVALID_CREDENTIALS,
            INVALID_GRANT,
            RATE_LIMITED,
            OVERLOADED,
            INSUFFICIENT_ROLE,
            LAST_ADMIN,
        ),
    )
    async def erase_me(self, request: Request) -> Response:
        """`DELETE /api/v1/users/me`: erase the account, its sessions and its personal data. There is no way back.

        What is left is the `id`, which is random, in the audit log and in one revocation record. Refused to the last
        enabled account with the role `admin`: 409 `last_admin`. A wrong password is answered and throttled like a
        failed login.
        """
        await self._signed_in.check(request)
        body = await read_json(request, ErasureRequest)
        token, account = await self._signed_in.check(request)
        asks = caller(request)
        # A copied access token must not be enough, nor a client that makes this path out of a longer one with `..`.
        async with self._password_check.verified(
            account,
            body.current_password,
            sid=token_sid(token),
            origin=asks.origin,
            address=asks.address,
            request_id=request.id,
        ):
            # The password may have been changed while it was verified, which ends the sessions of whoever knew it.
            _, account = await self._signed_in.check(request)
            ended = await self._erase(account, request)
        self._metrics.count_event("account.erased")
        return receipt(ended)

    async def _erase(self, account: AccountRecord, request: Request) -> Ended:
        try:
            return await self._erasure.erase(
                account.sub,
                actor=account.sub,
                request_id=request.id,
                # The last administrator stays, or nobody could administer.
                as_admin=account.sub if ADMIN in account.roles else None,
            )
        except AccountNotFound:
            raise InvalidToken(reason="account gone") from None

    @described(
        "changePassword",
        access=Access.TOKEN,
        body=NewPassword("seven green boats at noon", "nine grey herons on a roof"),
        answer=extended(PasswordReplaced, EXAMPLE_TOKENS, EXAMPLE_RECEIPT),
        refuses=(
            ORIGIN_REFUSED,
            BROWSER_CHECK_FAILED,
            INVALID_CREDENTIALS,
            INVALID_GRANT,
            WEAK_PASSWORD,
            RATE_LIMITED,
            OVERLOADED,
        ),
    )
    async def change_password(self, request: Request) -> Response:
        """`POST /api/v1/users/me/password`: replace the password; the session goes on with the tokens in the answer.

        Every access token of before is refused. The other sessions end; with `end_other_sessions: false` they go on
        once they are refreshed. A wrong current password is answered and throttled like a failed login.
        """
        await self._signed_in.check(request)
        body = await read_json(request, NewPassword)
        in_cookie = self._cookies.check(request, body.delivery)
        token, account = await self._signed_in.check(request)
        tokens, ended = await self._login.change_password(
            token,
            account,
            current=body.current_password,
            new=body.new_password,
            end_others=body.end_other_sessions,
            caller=caller(request),
        )
        self._metrics.count_event("account.password_changed")
        answer = extended(PasswordReplaced, token_answer(tokens), receipt_answer(ended))
        return deliver(tokens, answer, in_cookie=in_cookie)

    @described(
        "exportMe",
        access=Access.TOKEN,
        query=PageQuery,
        answer=EXAMPLE_EXPORT,
        refuses=(NOT_FOUND,),
    )
    async def export_me(self, request: Request) -> Response:
        """`GET /api/v1/users/me/export`: all that is kept about the person, as a list in pages.

        First the account, then its sessions, ended ones included until they are swept, then the audit log about it
        from the oldest entry. `kind` tells them apart.
        """
        _, account = await self._signed_in.check(request)
        paging = read_paging(request)
        after = read_cursor(paging.after, _EXPORT, str)
        page = await self._export.page(account.sub, after=after, limit=paging.limit)
        place = None if page.next_cursor is None else encode_cursor(_EXPORT, page.next_cursor)
        return list_response([exported(entry, account.sub) for entry in page.items], place)
