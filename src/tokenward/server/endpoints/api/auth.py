"""`/api/v1/auth/…`: register, log in, refresh, log out."""

import asyncio

import msgspec

from tokenward.errors import InvalidRequest
from tokenward.protocol.errors import (
    ACCOUNT_EXISTS,
    INVALID_CREDENTIALS,
    INVALID_GRANT,
    NOT_FOUND,
    ORIGIN_REFUSED,
    OVERLOADED,
    RATE_LIMITED,
    REGISTRATION_CLOSED,
    WEAK_PASSWORD,
)
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_RECEIPT,
    EXAMPLE_TOKENS,
    EXAMPLE_USER,
    Tokens,
    User,
    caller,
    receipt,
    token_answer,
    user,
)
from tokenward.server.endpoints.bodies import read_json, read_json_or_form
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
from tokenward.server.endpoints.messages import Request, Response, extended, json_response
from tokenward.server.endpoints.security import BearerGuard, check_origin
from tokenward.server.endpoints.telemetry import Log, Metrics
from tokenward.server.login import Login

# Password forms on API documentation pages send these too, mostly empty; here they mean nothing.
_OAUTH_FORM_FIELDS = ("grant_type", "scope", "client_id", "client_secret")


class Registration(msgspec.Struct):
    """A new account: `email` or `username` or both, a password, and a name to be called by."""

    password: NewPassword
    email: Email | None = None
    username: Username | None = None
    name: Name = ""


class Credentials(msgspec.Struct):
    """Who signs in: `username` or `email`, not both. `username` may be an e-mail address, as password forms send it."""

    password: Password
    email: LoginName | None = None
    username: LoginName | None = None


class RefreshRequest(msgspec.Struct):
    """The refresh token to exchange."""

    refresh_token: RefreshToken


class LogoutRequest(msgspec.Struct):
    """For a client whose access token has expired: the refresh token of the session to end."""

    refresh_token: RefreshToken


class Registered(msgspec.Struct):
    """The new account."""

    user: User


class LoggedIn(Tokens):
    """A token response, and who signed in."""

    user: User


_PASSWORD = "seven green boats at noon"  # noqa: S105 - an example


class AuthEndpoints:
    """The first party's sign-in. Answers hold tokens in their bodies only, and set no cookie."""

    def __init__(
        self, *, login: Login, guard: BearerGuard, own_origin: str, log: Log, metrics: Metrics
    ) -> None:
        self._login = login
        self._guard = guard
        self._own_origin = own_origin
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
        check_origin(request, self._own_origin)
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
        answer=extended(LoggedIn, EXAMPLE_TOKENS, user=EXAMPLE_USER),
        refuses=(ORIGIN_REFUSED, INVALID_CREDENTIALS, RATE_LIMITED, OVERLOADED),
    )
    async def log_in(self, request: Request) -> Response:
        """`POST /api/v1/auth/login`: sign in with a password. The answer holds tokens, and the user."""
        check_origin(request, self._own_origin)
        body = await read_json_or_form(request, Credentials, ignored=_OAUTH_FORM_FIELDS)
        name = body.email if body.username is None else body.username
        if name is None or (body.email is not None and body.username is not None):
            msg = "Say who signs in: send either email or username, and password."
            raise InvalidRequest(msg)
        tokens, account = await self._login.log_in(name, body.password, caller=caller(request))
        self._metrics.count_event("session.started")
        return json_response(extended(LoggedIn, token_answer(tokens), user=user(account)))

    @described(
        "refresh",
        access=Access.ANYBODY,
        body=RefreshRequest(EXAMPLE_TOKENS.refresh_token),
        form=_OAUTH_FORM_FIELDS,
        answer=EXAMPLE_TOKENS,
        refuses=(ORIGIN_REFUSED, INVALID_GRANT),
    )
    async def refresh(self, request: Request) -> Response:
        """`POST /api/v1/auth/refresh`: exchange a refresh token for its successor and a fresh access token."""
        check_origin(request, self._own_origin)
        body = await read_json_or_form(request, RefreshRequest, ignored=_OAUTH_FORM_FIELDS)
        tokens, retried = await self._login.refresh(body.refresh_token, caller=caller(request))
        event = "session.refresh_retried" if retried else "session.refreshed"
        self._metrics.count_event(event)
        self._log.event_soon(event, asyncio.get_running_loop(), request_id=request.id, sub=tokens.sub)
        return json_response(token_answer(tokens))

    @described(
        "logOut",
        access=Access.TOKEN_OR_BODY,
        body=LogoutRequest(EXAMPLE_TOKENS.refresh_token),
        answer=EXAMPLE_RECEIPT,
        refuses=(ORIGIN_REFUSED, INVALID_GRANT),
    )
    async def log_out(self, request: Request) -> Response:
        """`POST /api/v1/auth/logout`: end the session of the access token, or of the refresh token in the body.

        With an access token no body is read.
        """
        check_origin(request, self._own_origin)
        if request.header_values(b"authorization"):
            token = await self._guard.check(request)
            ended = await self._login.log_out(token, caller=caller(request))
        else:
            body = await self._read_logout(request)
            ended = await self._login.log_out_by_refresh_token(body.refresh_token, caller=caller(request))
        self._metrics.count_event("session.ended")
        return receipt(ended)

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
        check_origin(request, self._own_origin)
        token = await self._guard.check(request)
        ended = await self._login.log_out_everywhere(token, caller=caller(request))
        self._metrics.count_event("account.logged_out_everywhere")
        return receipt(ended)
