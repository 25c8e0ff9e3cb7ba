"""`/api/v1/auth/…`: register, log in, refresh, log out."""

import asyncio

import msgspec

from tokenward.errors import Error, InvalidRequest
from tokenward.protocol.errors import (
    ACCOUNT_EXISTS,
    BROWSER_CHECK_FAILED,
    INVALID_CREDENTIALS,
    INVALID_GRANT,
    NOT_FOUND,
    ORIGIN_REFUSED,
    OVERLOADED,
    RATE_LIMITED,
    REGISTRATION_CLOSED,
    WEAK_PASSWORD,
)
from tokenward.server.endpoints.api.cookie_delivery import REFRESH_COOKIE, CookieDelivery, Delivery, deliver
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_RECEIPT,
    EXAMPLE_REFRESH_TOKEN,
    EXAMPLE_TOKENS,
    EXAMPLE_USER,
    Tokens,
    User,
    caller,
    receipt,
    receipt_answer,
    token_answer,
    user,
)
from tokenward.server.endpoints.bodies import read_json, read_json_if_any, read_json_or_form
from tokenward.server.endpoints.browsers import PageOrigins
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.documentation.fields import (
    Email,
    Name,
    NewPassword,
    Password,
    RefreshToken,
    Username,
)
from tokenward.server.endpoints.documentation.fields import (
    Login as LoginName,
)
from tokenward.server.endpoints.messages import NO_STORE, Request, Response, extended, json_response
from tokenward.server.endpoints.security import BearerGuard
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.login import Login
from tokenward.server.sessions.refresh_tokens import InvalidGrant

# Password forms on API documentation pages send these too, mostly empty; here they mean nothing.
_OAUTH_FORM_FIELDS = ("grant_type", "scope", "client_id", "client_secret")
# Any page can make a browser send a form. One that sets a cookie would sign people in as somebody else.
_NOT_IN_A_FORM = ("delivery",)


class Registration(msgspec.Struct):
    """A new account: `email` or `username` or both, a password, and a name to be called by."""

    password: NewPassword
    email: Email | None = None
    username: Username | None = None
    name: Name = ""


class Credentials(msgspec.Struct):
    """Who signs in: `username` or `email`, not both. `username` may be an e-mail address, as password forms send it.

    A form has no `delivery`.
    """

    password: Password
    email: LoginName | None = None
    username: LoginName | None = None
    delivery: Delivery = "body"


class RefreshRequest(msgspec.Struct):
    """The refresh token to exchange, or `"delivery": "cookie"`, which in a form cannot be."""

    refresh_token: RefreshToken | None = None
    delivery: Delivery = "body"


class LogoutRequest(msgspec.Struct):
    """Without an access token: the refresh token of the session to end, or `"delivery": "cookie"`."""

    refresh_token: RefreshToken | None = None
    delivery: Delivery = "body"


class Registered(msgspec.Struct):
    """The new account."""

    user: User


class LoggedIn(Tokens, kw_only=True):
    """A token response, and who signed in."""

    user: User


_PASSWORD = "seven green boats at noon"  # noqa: S105 - an example


class AuthEndpoints:
    """The first party's sign-in. A cookie is set and read only where JSON asks for it (`cookie_delivery`)."""

    def __init__(
        self,
        *,
        login: Login,
        guard: BearerGuard,
        pages: PageOrigins,
        cookies: CookieDelivery,
        log: Log,
        metrics: Metrics,
    ) -> None:
        self._login = login
        self._guard = guard
        self._pages = pages
        self._cookies = cookies
        self._log = log
        self._metrics = metrics

    @described(
        "register",
        access=Access.ANYBODY,
        body=Registration(_PASSWORD, email="ada@example.com", username="ada", name="Ada Lovelace"),
        status=201,
        answer=Registered(EXAMPLE_USER),
        refuses=(
            ORIGIN_REFUSED,
            REGISTRATION_CLOSED,
            RATE_LIMITED,
            OVERLOADED,
            WEAK_PASSWORD,
            ACCOUNT_EXISTS,
        ),
    )
    async def register(self, request: Request) -> Response:
        """`POST /api/v1/auth/register`: create an account. 201 with `user`, and no tokens."""
        self._pages.check(request)
        self._login.check_room(registering=True)
        body = await read_json(request, Registration)
        account = await self._login.register(
            email=body.email,
            username=body.username,
            name=body.name,
            password=body.password,
            caller=caller(request),
        )
        self._metrics.count_event("account.created")
        return json_response(Registered(user(account)), 201)

    @described(
        "logIn",
        access=Access.ANYBODY,
        body=Credentials(_PASSWORD, username="ada"),
        form=_OAUTH_FORM_FIELDS,
        json_only=_NOT_IN_A_FORM,
        answer=extended(LoggedIn, EXAMPLE_TOKENS, user=EXAMPLE_USER),
        refuses=(ORIGIN_REFUSED, BROWSER_CHECK_FAILED, INVALID_CREDENTIALS, RATE_LIMITED, OVERLOADED),
    )
    async def log_in(self, request: Request) -> Response:
        """`POST /api/v1/auth/login`: sign in with a password. The answer holds tokens, and the user.

        With `"delivery": "cookie"` the refresh token comes in a cookie and is no member of the answer.
        """
        self._pages.check(request)
        # In a storm of logins nine of ten are refused here, before they cost anything that others would wait for.
        self._login.check_room()
        body = await read_json_or_form(
            request, Credentials, ignored=_OAUTH_FORM_FIELDS, json_only=_NOT_IN_A_FORM
        )
        in_cookie = self._cookies.check(request, body.delivery)
        name = body.email if body.username is None else body.username
        if name is None or (body.email is not None and body.username is not None):
            msg = "Say who signs in: send either email or username, and password."
            raise InvalidRequest(msg)
        device = self._cookies.read_device(request) if in_cookie else ""
        tokens, account = await self._login.log_in(name, body.password, caller=caller(request), device=device)
        self._metrics.count_event("session.started")
        if in_cookie:
            device = self._login.mark_device(name, device)
        answer = extended(LoggedIn, token_answer(tokens), user=user(account))
        return deliver(tokens, answer, in_cookie=in_cookie, device=device)

    @described(
        "refresh",
        access=Access.ANYBODY,
        body=RefreshRequest(EXAMPLE_REFRESH_TOKEN),
        form=_OAUTH_FORM_FIELDS,
        json_only=_NOT_IN_A_FORM,
        answer=EXAMPLE_TOKENS,
        refuses=(ORIGIN_REFUSED, BROWSER_CHECK_FAILED, INVALID_GRANT),
    )
    async def refresh(self, request: Request) -> Response:
        """`POST /api/v1/auth/refresh`: exchange a refresh token for its successor and a fresh access token.

        With `"delivery": "cookie"` the token is that of the cookie, and its successor takes its place there.
        """
        self._pages.check(request)
        body = await read_json_or_form(
            request, RefreshRequest, ignored=_OAUTH_FORM_FIELDS, json_only=_NOT_IN_A_FORM
        )
        in_cookie = self._cookies.check(request, body.delivery, body.refresh_token)
        token = self._cookies.read_refresh_token(request) if in_cookie else body.refresh_token
        if token is None:
            raise _no_refresh_token(in_cookie=in_cookie)
        tokens, refreshed = await self._login.refresh(token, caller=caller(request), coalesce=in_cookie)
        event = refreshed.event
        self._metrics.count_event(event)
        self._log.event_soon(event, asyncio.get_running_loop(), request_id=request.id, sub=tokens.sub)
        return deliver(tokens, token_answer(tokens), in_cookie=in_cookie, keep_cookie=refreshed.coalesced)

    @described(
        "logOut",
        access=Access.TOKEN_OR_BODY,
        body=LogoutRequest(EXAMPLE_REFRESH_TOKEN),
        answer=EXAMPLE_RECEIPT,
        refuses=(ORIGIN_REFUSED, BROWSER_CHECK_FAILED, INVALID_GRANT),
    )
    async def log_out(self, request: Request) -> Response:
        """`POST /api/v1/auth/logout`: end the session of the access token, or of the refresh token in the body.

        With `"delivery": "cookie"`, and no access token, that of the cookie, which is deleted; also if the session had
        ended before, and then `ended_sessions` is 0.
        """
        self._pages.check(request)
        asks = caller(request)
        if request.header_values(b"authorization"):
            # Before the body is read, and after that may have taken seconds.
            await self._guard.check(request)
            await self._refuse_second_source(request)
            token = await self._guard.check(request)
            ended = await self._login.log_out(token, caller=asks)
        else:
            body = await self._read_logout(request)
            if self._cookies.check(request, body.delivery, body.refresh_token):
                return await self._log_out_by_cookie(request)
            if body.refresh_token is None:
                raise _no_refresh_token(in_cookie=False)
            ended = await self._login.log_out_by_refresh_token(body.refresh_token, caller=asks)
        self._metrics.count_event("session.ended")
        return receipt(ended)

    async def _log_out_by_cookie(self, request: Request) -> Response:
        token = self._cookies.read_refresh_token(request)
        ended = await self._login.log_out_by_cookie(token, caller=caller(request))
        if ended.ended:
            self._metrics.count_event("session.ended")
        return json_response(receipt_answer(ended), headers=(*NO_STORE, REFRESH_COOKIE.clear()))

    async def _refuse_second_source(self, request: Request) -> None:
        """Refuse a logout that names its session in the header and in the body as well; they may differ."""
        body = await read_json_if_any(request, LogoutRequest)
        if body is not None and (body.refresh_token is not None or body.delivery == "cookie"):
            msg = "Say in one way which session ends: with the Authorization header, or with this body."
            raise InvalidRequest(msg, reason="logout by header and body")

    async def _read_logout(self, request: Request) -> LogoutRequest:
        if not request.header(b"content-type"):
            # Neither token: the guard's answer says how to send one.
            await self._guard.check(request)
        return await read_json(request, LogoutRequest)

    @described(
        "logOutEverywhere",
        access=Access.TOKEN,
        answer=EXAMPLE_RECEIPT,
        refuses=(ORIGIN_REFUSED, NOT_FOUND),
    )
    async def log_out_everywhere(self, request: Request) -> Response:
        """`POST /api/v1/auth/logout-everywhere`: end every session of the account."""
        self._pages.check(request)
        token = await self._guard.check(request)
        ended = await self._login.log_out_everywhere(token, caller=caller(request))
        self._metrics.count_event("account.logged_out_everywhere")
        return receipt(ended)


def _no_refresh_token(*, in_cookie: bool) -> Error:
    if in_cookie:
        return InvalidGrant(reason="no refresh cookie")
    msg = 'The body must have refresh_token, or "delivery": "cookie".'
    return InvalidRequest(msg, reason="no refresh token")
