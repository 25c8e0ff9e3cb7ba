"""The ASGI application to mount, and what the application around it may ask of it."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, overload
from urllib.parse import urlsplit

from tokenward.clock import Clock
from tokenward.errors import ConfigurationError, Error
from tokenward.jose import base64url
from tokenward.server.accounts.account import Account, account_of
from tokenward.server.accounts.application_claims import ApplicationClaims
from tokenward.server.accounts.linking import find_linked, link_account
from tokenward.server.audit import APPLICATION
from tokenward.server.endpoints.messages import Receive, Scope, Send
from tokenward.server.mounting.principal import Demands, Principal, authorization_values
from tokenward.server.mounting.refusals import refusal
from tokenward.server.mounting.running import Running, running
from tokenward.server.settings import Settings, check_settings
from tokenward.tokens.bearer import parse_authorization
from tokenward.tokens.typed_claims import claims_reader

if TYPE_CHECKING:
    from tokenward.server.mounting.dependencies import Dependency

C = TypeVar("C")

LOGIN_PATH = "/api/v1/auth/login"


class NotStarted(ConfigurationError):
    """Something was asked of a mounted server that was not started."""

    description = (
        "Tokenward is mounted but was not started. Give its lifespan to the application: "
        "FastAPI(lifespan=auth.lifespan); or, in a lifespan of your own: async with auth.lifespan(app)."
    )


class Connection(Protocol):
    """A request or WebSocket of Starlette or FastAPI, as far as it is looked at."""

    @property
    def scope(self) -> Any:
        """The ASGI scope."""
        ...


@overload
def create_app(
    settings: Settings,
    *,
    claims: Callable[[Account], C | Awaitable[C]] | None = None,
    claims_type: type[C],
    clock: Clock | None = None,
) -> "Mounted[C]": ...


@overload
def create_app(
    settings: Settings,
    *,
    claims: Callable[[Account], object] | None = None,
    claims_type: None = None,
    clock: Clock | None = None,
) -> "Mounted[Mapping[str, Any]]": ...


def create_app(
    settings: Settings,
    *,
    claims: Callable[[Account], Any] | None = None,
    claims_type: type[Any] | None = None,
    clock: Clock | None = None,
) -> "Mounted[Any]":
    """The server as an ASGI application, to mount in another one. Nothing is opened until it is started.

    Args:
        settings: as `load_settings` gives them, or `Settings(...)`. `issuer` must be the address under which clients
            reach the mount: `https://example.com/auth` for `app.mount("/auth", auth)`.
        claims: is called at every issue of an access token, with the account as it is at that moment, and answers the
            claims to add: an object of `claims_type`, or a dictionary. A plain function is called in a thread.
        claims_type: a msgspec Struct, a dataclass or a TypedDict. `Principal.claims` is an object of it, and tokens
            whose claims have another shape are neither issued nor accepted.
        clock: tells the time.

    Raises:
        ConfigurationError: a setting is wrong, or does not fit to another.
    """
    if not settings.issuer:
        msg = 'issuer must be set: the address under which clients reach the mount, such as "https://example.com/auth".'
        raise ConfigurationError(msg)
    return Mounted(check_settings(settings), claims=claims, claims_type=claims_type, clock=clock)


class Mounted(Generic[C]):
    """The server, as an ASGI application. Use `create_app` to make one.

    It belongs to the process and the event loop in which it is started, and no other process may serve its database.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        claims: Callable[[Account], Any] | None,
        claims_type: type[C] | None,
        clock: Clock | None,
    ) -> None:
        self._settings = settings
        self._claims = None if claims is None else ApplicationClaims(claims, claims_type)
        self._read_claims = None if claims_type is None else claims_reader(claims_type)
        self._clock = clock
        self._running: Running | None = None

    # Start and end

    @contextlib.asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Open the database, serve, and close it at the end: the lifespan of the application, or a part of it.

        Raises:
            ConfigurationError: it cannot be started, or was started before.
        """
        if self._running is not None:
            raise ConfigurationError("This mounted server was started already; start it once.")
        async with running(self._settings, self._claims, self._clock) as started:
            self._running = started
            try:
                yield
            finally:
                self._running = None

    def _started(self) -> Running:
        if self._running is None:
            raise NotStarted
        return self._running

    # ASGI

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request to the mount; by itself, without an application around it, also start and end."""
        if scope["type"] == "lifespan":
            await self._take_lifespan(receive, send)
            return
        path: str = scope["path"]
        # Where it is mounted; the path that arrives is whole (ASGI, `root_path`). A server that cuts it itself is
        # recognised by the path that does not begin so.
        root: str = scope.get("root_path") or ""
        if root and path.startswith(root + "/"):
            path = path[len(root) :]
        await self._started().door(_completed(scope, path), receive, send)

    async def well_known(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application for `app.mount("/.well-known/oauth-authorization-server", auth.well_known)`.

        RFC 8414 section 3.1 puts the metadata of `https://example.com/auth` at the root of the host, where a mount at
        `/auth` does not reach.
        """
        await self._started().door(_completed(scope, scope["path"]), receive, send)

    async def _take_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        phase = "startup"
        try:
            async with self.lifespan():
                await send({"type": "lifespan.startup.complete"})
                await receive()
                phase = "shutdown"
        except Exception as error:
            await send({"type": f"lifespan.{phase}.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.shutdown.complete"})

    # Who is signed in

    async def verify(self, token: str) -> Principal[C]:
        """The account of an access token that came in some other way than a request: `await auth.verify(text)`.

        Asks no network, and counts what was revoked up to this moment.

        Raises:
            InvalidToken: it is refused.
            StorageUnavailable: whether it was revoked cannot be known now.
            NotStarted: see `lifespan`.
        """
        services = self._started().services
        await services.guard.catch_up()
        verified = services.verifier.verify(token)
        if self._read_claims is None:
            claims: Any = verified.claims
        else:
            # The text was verified whole a moment ago, so this part of it is what was signed.
            claims = self._read_claims(base64url.decode(token.split(".")[1].encode()))
        return Principal(verified.sub, verified.roles, claims, verified)

    async def authenticate(
        self, connection: Connection, *, roles: Iterable[str] = (), scope: Iterable[str] = ()
    ) -> Principal[C]:
        """The account that sent this request, or that opens this WebSocket; it has all these roles and this scope.

        Raises:
            HTTPException: of Starlette: 401 without a good token, 403 without a role or scope, 400 with two tokens, 503
                where the database cannot be asked.
            WebSocketException: the same for a WebSocket.
            NotStarted: see `lifespan`.
        """
        return await self._authenticate(Demands.of(roles, scope), connection)

    async def authenticate_or_none(self, connection: Connection) -> Principal[C] | None:
        """As `authenticate`, but None for whoever sends no `Authorization` header at all.

        A header that is wrong is refused: whoever sends one wants to be somebody, and must not be taken for a stranger.
        """
        self._started()
        try:
            if not authorization_values(connection.scope):
                return None
        except Error as error:
            raise self._refusal(error, connection) from None
        return await self._authenticate(Demands(), connection)

    @cached_property
    def signed_in(self) -> "Dependency[Principal[C]]":
        """For FastAPI: `user: Annotated[Principal[MyClaims], Depends(auth.signed_in)]`."""
        return self.requires()

    @cached_property
    def signed_in_or_none(self) -> "Dependency[Principal[C] | None]":
        """For FastAPI: None for whoever sends no token; a bad one is refused."""
        from tokenward.server.mounting.dependencies import Dependency

        return Dependency(self.authenticate_or_none, login_path=self._login_path)

    def requires(self, *, roles: Iterable[str] = (), scope: Iterable[str] = ()) -> "Dependency[Principal[C]]":
        """For FastAPI: the account, which must have every one of these roles and all of this scope."""
        from tokenward.server.mounting.dependencies import Dependency

        check = partial(self._authenticate, Demands.of(roles, scope))
        return Dependency(check, login_path=self._login_path)

    @property
    def _login_path(self) -> str:
        return urlsplit(self._settings.issuer).path.rstrip("/") + LOGIN_PATH

    async def _authenticate(self, demands: Demands, connection: Connection) -> Principal[C]:
        self._started()
        try:
            principal = await self.verify(parse_authorization(authorization_values(connection.scope)))
            demands.check(principal.token)
        except Error as error:
            raise self._refusal(error, connection) from None
        return principal

    def _refusal(self, error: Error, connection: Connection) -> Exception:
        self._started().log.event(
            "refused",
            level="error" if error.status >= 500 else "info",
            code=error.code,
            reason=error.reason,
        )
        return refusal(error, connection.scope["type"])

    # Accounts

    async def create_account(
        self,
        *,
        password: str,
        email: str | None = None,
        username: str | None = None,
        name: str = "",
        roles: Iterable[str] = (),
        external_id: str | None = None,
    ) -> Account:
        """Create an account with an e-mail address or a user name, whether registration is open or not.

        Raises:
            InvalidRequest, WeakPassword, AccountExists, ExternalIdTaken, Overloaded: nothing was made.
        """
        record = await self._started().services.accounts.create(
            password=password,
            email=email,
            username=username,
            name=name,
            roles=roles,
            external_id=external_id,
            actor=APPLICATION,
        )
        return account_of(record)

    async def find_account(self, *, sub: str | None = None, external_id: str | None = None) -> Account | None:
        """The account with this `sub` or this external id, or None. Give one of the two.

        Raises:
            ConfigurationError: neither or both were given.
        """
        if (sub is None) == (external_id is None):
            raise ConfigurationError("Give `sub` or `external_id`, one of them.")
        services = self._started().services
        if external_id is not None:
            record = await find_linked(services.accounts, external_id)
        else:
            record = await services.storage.accounts.find(sub or "")
        return None if record is None else account_of(record)

    async def link_account(self, sub: str, external_id: str | None) -> Account:
        """Link an account to a row of the application's own, whose id is `external_id`; None ends the link.

        Raises:
            AccountNotFound, ExternalIdTaken, InvalidRequest: nothing was changed.
        """
        accounts = self._started().services.accounts
        return account_of(await link_account(accounts, sub, external_id, actor=APPLICATION))

    async def sign_out_everywhere(self, sub: str) -> int:
        """End every session of an account and refuse its access tokens at once; how many sessions ended.

        Raises:
            AccountNotFound: there is no such account.
        """
        services = self._started().services
        account = await services.accounts.get(sub)
        ended = await services.sessions.end_all(account, actor=APPLICATION, reason="application")
        return ended.ended

    async def delete_account(self, sub: str) -> None:
        """Erase an account for good, with its sessions and all that is kept about the person.

        Raises:
            AccountNotFound: there is no such account.
        """
        await self._started().services.erasure.erase(sub, actor=APPLICATION)


def _completed(scope: Scope, path: str) -> Scope:
    """The scope as the door expects it: members that ASGI lets servers leave out are there, names in lower case."""
    return {
        **scope,
        "path": path,
        "query_string": scope.get("query_string") or b"",
        "headers": [(name.lower(), value) for name, value in scope["headers"]],
        "client": scope.get("client"),
    }
