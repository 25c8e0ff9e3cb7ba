"""Login: factors, then a session, and the first party's way to refresh and leave it.

Owns the order: room for a hash, throttle, account, password, session, tokens. Does not own any of the steps
(`rate_limit`, `accounts`, `sessions`, `token_issuer`), nor HTTP (`endpoints.api.auth`). The built-in client
`first-party` stands for the application's own sign-in; it has no secret and can never authenticate at a token
endpoint.
"""

from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.errors import Error
from tokenward.protocol.errors import REGISTRATION_CLOSED
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.application_claims import AddedClaims, ApplicationClaims
from tokenward.server.accounts.password_change import PasswordChange
from tokenward.server.accounts.password_hasher import InvalidCredentials, PasswordHasher
from tokenward.server.audit import Audit
from tokenward.server.keyring.device_key import DeviceKey
from tokenward.server.observation.outcomes import LoginOutcomes
from tokenward.server.rate_limit import LoginThrottle, RegistrationThrottle, Taken, network_prefix
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.session_id import sid_bytes
from tokenward.server.sessions.sessions import Ended, Origin, Refreshed, Sessions
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord, ClientRecord
from tokenward.server.storage.units import Unit
from tokenward.server.token_issuer import TokenIssuer, TokenResponse
from tokenward.tokens.access_token import AccessToken

FIRST_PARTY = "first-party"
FIRST_PARTY_SCOPE = "account"


class RegistrationClosed(Error):
    """Nobody may create an account by themselves."""

    code = REGISTRATION_CLOSED
    status = 403
    description = (
        "Registration is closed on this server. Ask the operator for an account; the operator opens registration "
        'with the setting registration = "open".'
    )


class Caller(NamedTuple):
    """Who asks, as far as the connection tells: for throttling and for the audit trail."""

    address: str
    agent: str
    request_id: str

    @property
    def origin(self) -> Origin:
        """Network prefix and user agent."""
        return Origin(network_prefix(self.address), self.agent)


class Login:
    """The sign-in of the first party. `outcomes` counts how it went."""

    def __init__(
        self,
        *,
        storage: Storage,
        accounts: Accounts,
        hasher: PasswordHasher,
        login_throttle: LoginThrottle,
        device_key: DeviceKey,
        registration_throttle: RegistrationThrottle,
        sessions: Sessions,
        password_change: PasswordChange,
        token_issuer: TokenIssuer,
        audit: Audit,
        clock: Clock,
        audience: str,
        registration_open: bool,
        claims: ApplicationClaims | None = None,
    ) -> None:
        self._storage = storage
        self._accounts = accounts
        self._hasher = hasher
        self._login_throttle = login_throttle
        self._device_key = device_key
        self._registration_throttle = registration_throttle
        self._sessions = sessions
        self._password_change = password_change
        self._token_issuer = token_issuer
        self._audit = audit
        self._clock = clock
        self._audience = audience
        self._registration_open = registration_open
        self._claims = claims
        self.outcomes = LoginOutcomes()

    def check_room(self, *, registering: bool = False) -> None:
        """Refuse at once what would have to wait for too many others: to be asked before a request is even read.

        Raises:
            Overloaded: no more passwords are taken now.
        """
        if self._hasher.has_room:
            return
        with self.outcomes.registering() if registering else self.outcomes.signing_in():
            self._hasher.check_room()

    async def register(
        self, *, email: str | None, username: str | None, name: str, password: str, caller: Caller
    ) -> AccountRecord:
        """Create an account for whoever asks. It gets no roles and no tokens.

        Raises:
            RegistrationClosed, RateLimited, and what `Accounts.create` raises.
        """
        with self.outcomes.registering():
            if not self._registration_open:
                raise RegistrationClosed
            self._hasher.check_room()
            await self._registration_throttle.take(caller.address)
            return await self._accounts.create(
                email=email,
                username=username,
                name=name,
                password=password,
                actor="",
                request_id=caller.request_id,
            )

    async def log_in(
        self, name: str, password: str, *, caller: Caller, device: str = ""
    ) -> tuple[TokenResponse, AccountRecord]:
        """Verify a password and start a session. `device` is what the client sent as the mark of its device.

        The attempt takes its place in the throttle before the hash is computed, so that many guesses at once cannot
        slip through.

        Raises:
            Overloaded, RateLimited: nothing was verified, and nothing is held against anybody.
            InvalidCredentials: the same in answer and time for a wrong password, an unknown name, a disabled account.
            ClaimsRefused: the application's function failed; no session was started.
        """
        with self.outcomes.signing_in():
            self._hasher.check_room()
            taken = await self._login_throttle.take(
                name, caller.address, device=self._device_key.find_device(device, name) if device else None
            )
            try:
                return await self._verify_and_start(name, password, taken, caller)
            finally:
                self._login_throttle.release(taken)

    async def _verify_and_start(
        self, name: str, password: str, taken: Taken, caller: Caller
    ) -> tuple[TokenResponse, AccountRecord]:
        # Both are read before the password is verified: their cut-offs of now are what the session is held to.
        client = await self._first_party()
        account = await self._accounts.find_by_login(name)
        try:
            await self._accounts.verify_password(account, password)
            if account is None:
                raise InvalidCredentials(reason="no such account")
            # Before anything is written: an application whose function fails leaves no session behind.
            added = await self._added_claims(account.sub)
            refreshed = await self._sessions.start(
                account,
                client,
                scope=FIRST_PARTY_SCOPE,
                audience=self._audience,
                amr=("pwd",),
                origin=caller.origin,
                request_id=caller.request_id,
                also=self._login_throttle.succeeded(taken),
            )
        except InvalidCredentials as error:
            await self._note_failure(account, error.reason, taken, caller)
            raise
        except InvalidGrant as error:
            # The account was cut off between the password and the session; outwardly that is a failed login.
            await self._note_failure(account, error.reason, taken, caller)
            raise InvalidCredentials(reason=error.reason) from None
        return self._token_issuer.issue(refreshed, added), account

    def mark_device(self, name: str, device: str) -> str:
        """A mark for the device that just signed in as `name`: that of before, made anew, or one of a new device."""
        return self._device_key.make(name, self._device_key.find_device(device, name))

    async def refresh(
        self, refresh_token: str, *, caller: Caller, coalesce: bool = False
    ) -> tuple[TokenResponse, Refreshed]:
        """Exchange a refresh token; `coalesce` is for one from a cookie.

        Raises:
            InvalidGrant: it is not accepted.
            ClaimsRefused: the application's function failed; the token is as good as before.
        """
        try:
            added = None
            if self._claims is not None:
                # The token is verified first, and exchanged only when there are claims to issue: an application whose
                # function fails for longer than a retry may take would else end every session that asks meanwhile.
                session = await self._sessions.find_by_refresh_token(refresh_token, client_id=FIRST_PARTY)
                added = await self._added_claims(session.sub)
            refreshed = await self._sessions.refresh(
                refresh_token,
                client_id=FIRST_PARTY,
                origin=caller.origin,
                request_id=caller.request_id,
                coalesce=coalesce,
            )
        except Error as error:
            self.outcomes.refresh_refused(error)
            raise
        self.outcomes.refreshed(refreshed.event)
        return self._token_issuer.issue(refreshed, added), refreshed

    async def log_out(self, token: AccessToken, *, caller: Caller) -> Ended:
        """End the session of a verified access token.

        Raises:
            InvalidGrant: it had ended already.
        """
        return await self._end(token_sid(token), token.sub, caller)

    async def log_out_by_refresh_token(self, refresh_token: str, *, caller: Caller) -> Ended:
        """End the session of a refresh token.

        Raises:
            InvalidGrant: the token is not ours, or its session had ended already.
        """
        session = await self._sessions.find_by_refresh_token(refresh_token, client_id=FIRST_PARTY)
        return await self._end(session.sid, session.sub, caller)

    async def log_out_by_cookie(self, refresh_token: str | None, *, caller: Caller) -> Ended:
        """End the session of a refresh token from a cookie, if it is one and the session lives.

        Whatever the cookie held, nothing of it counts afterwards: a browser that signs out is told so, and no more.
        """
        try:
            return await self.log_out_by_refresh_token(refresh_token or "", caller=caller)
        except InvalidGrant:
            return Ended(0, (await self._storage.position()).n)

    async def log_out_everywhere(self, token: AccessToken, *, caller: Caller) -> Ended:
        """End every session of the account of a verified access token."""
        account = await self._accounts.get(token.sub)
        return await self._sessions.end_all(
            account, actor=account.sub, reason="logout_everywhere", request_id=caller.request_id
        )

    async def change_password(
        self,
        token: AccessToken,
        account: AccountRecord,
        *,
        current: str,
        new: str,
        end_others: bool,
        caller: Caller,
    ) -> tuple[TokenResponse, Ended]:
        """Change the password of the account of a verified access token; its session goes on with these tokens.

        Raises:
            What `PasswordChange.change` raises.
        """
        # Asked before, so that a function that fails changes nothing; and again afterwards, since the tokens of before
        # are refused by a record that these must not be older than.
        await self._added_claims(account.sub)
        changed = await self._password_change.change(
            account,
            sid=token_sid(token),
            current=current,
            new=new,
            end_others=end_others,
            origin=caller.origin,
            address=caller.address,
            request_id=caller.request_id,
        )
        added = await self._added_claims(account.sub)
        return self._token_issuer.issue(changed.refreshed, added), changed.ended

    async def _end(self, sid: bytes, sub: str, caller: Caller) -> Ended:
        ended = await self._sessions.end(sid, actor=sub, reason="logout", request_id=caller.request_id)
        if ended is None:
            raise InvalidGrant("This session has ended already. Sign in again.", reason="session ended")
        return ended

    async def _added_claims(self, sub: str) -> AddedClaims | None:
        return None if self._claims is None else await self._claims.of_account(self._storage, sub)

    async def _first_party(self) -> ClientRecord:
        client = await self._storage.clients.find(FIRST_PARTY)
        if client is None:
            raise InvalidCredentials(reason="the built-in client is missing")
        return client

    async def _note_failure(
        self, account: AccountRecord | None, reason: str, taken: Taken, caller: Caller
    ) -> None:
        event = self._audit.event(
            "login.failed",
            actor="anonymous",
            at=int(self._clock.now()),
            subject=account.sub if account else "",
            request_id=caller.request_id,
            detail={"reason": reason},
            personal={"network": caller.origin.network, "agent": caller.agent},
            personal_key=account.personal_key_wrapped if account else None,
        )
        changes = (event, *self._login_throttle.failed(taken))
        await self._storage.apply(Unit("note_failed_login", changes))


def token_sid(token: AccessToken) -> bytes:
    """The session of an access token.

    Raises:
        InvalidGrant: it belongs to none.
    """
    if token.sid is None:
        raise InvalidGrant("This token belongs to no session.", reason="access token without sid")
    return sid_bytes(token.sid)
