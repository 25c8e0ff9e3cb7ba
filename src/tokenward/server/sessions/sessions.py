"""Sessions: start, refresh, end. The order of the steps in `refresh` is the defence; see `docs/explain/sessions.md`."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from tokenward.clock import Clock
from tokenward.server.audit import Audit
from tokenward.server.keyring.ring import KeyRing
from tokenward.server.observation.events import Event
from tokenward.server.revocation.log import LONGEST_TOKEN_SECONDS, RevocationLog
from tokenward.server.sessions import refresh_tokens
from tokenward.server.sessions.copied_tokens import CopiedTokens
from tokenward.server.sessions.refresh_tokens import InvalidGrant, PresentedToken
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord, ClientRecord, SessionRecord, SessionState
from tokenward.server.storage.units import Change, Unit

# The most that `refresh_retry_seconds` can be set to. A command that ends a session may not see the server's setting.
LONGEST_RETRY_SECONDS = 300

# Several tabs share one cookie and take no turns. Their answers may come in another order than they were made in, and
# the last one stays in the browser: while one may still be under way, the token in it must stay the current one.
COALESCED_MS = 10_000

_AGENT_CHARACTERS = 200
# A rotation is tried again only when a cut-off moved under it, which takes a change of password each time.
_MOST_TRIES = 3


class Origin(NamedTuple):
    """Where a request came from: a network prefix and the user agent it named. Used to tell, never to decide."""

    network: str
    agent: str


class RefreshPolicy(NamedTuple):
    """How long sessions live and how long a retry counts as one; all in seconds."""

    idle_seconds: int
    absolute_seconds: int
    retry_seconds: int


class Refreshed(NamedTuple):
    """A session whose refresh token was accepted, and what to issue for it.

    `rsq` is the head of the revocation log in the very snapshot in which the session was seen alive and `roles` were
    read; `at` (UTC seconds) was read no later than that snapshot. Access tokens must be issued with both.
    """

    session: SessionRecord
    roles: tuple[str, ...]
    refresh_token: str
    rsq: int
    at: int
    retried: bool
    coalesced: bool = False

    @property
    def event(self) -> Event:
        """What to call this in the log and the metrics."""
        if self.coalesced:
            return "session.refresh_coalesced"
        return "session.refresh_retried" if self.retried else "session.refreshed"


class Ended(NamedTuple):
    """What a logout did: the sessions it ended, and the number from which on every API refuses their tokens."""

    ended: int
    n: int


class Sessions:
    """The sessions of this issuer."""

    def __init__(
        self,
        *,
        storage: Storage,
        ring: KeyRing,
        audit: Audit,
        revocations: RevocationLog,
        clock: Clock,
        policy: RefreshPolicy,
    ) -> None:
        self._storage = storage
        self._ring = ring
        self._audit = audit
        self._revocations = revocations
        self._clock = clock
        self._policy = policy
        self._copied_tokens = CopiedTokens(storage=storage, audit=audit, revocations=revocations)

    async def start(
        self,
        account: AccountRecord,
        client: ClientRecord,
        *,
        scope: str,
        audience: str,
        amr: Sequence[str],
        origin: Origin,
        request_id: str,
        also: tuple[Change, ...] = (),
    ) -> Refreshed:
        """Start a session for an account whose credentials were just checked.

        `account` and `client` must be what was read *before* the check: their cut-offs are compared with the
        current ones in the statement that writes the session, so that nobody who signs in with the old password
        while "log out everywhere" commits gets anything. `also` is written in the same unit.

        Raises:
            InvalidGrant: the account or client was disabled or cut off meanwhile; nothing was written.
        """
        now_ms = int(self._clock.now() * 1000)
        now = now_ms // 1000
        # A key that a command in another process revoked must count for nothing from the very next request on.
        await self._ring.catch_up(await self._storage.position())
        key = self._ring.active_refresh_key()
        session = SessionRecord(
            sid=os.urandom(16),
            sub=account.sub,
            client_id=client.client_id,
            scope=scope,
            audience=audience,
            salt=os.urandom(16),
            key_number=key.number,
            generation=0,
            rotated_at_ms=now_ms,
            created_at=now,
            last_seen_at=now,
            idle_expires_at=now + self._policy.idle_seconds,
            absolute_expires_at=now + self._policy.absolute_seconds,
            ended_at=None,
            amr=msgspec.json.encode(list(amr)).decode(),
            auth_time=now,
            account_cutoff=account.cutoff,
            client_cutoff=client.cutoff,
            network=origin.network,
            agent=origin.agent[:_AGENT_CHARACTERS],
        )
        event = self._audit.event(
            "session.started",
            actor=account.sub,
            at=now,
            subject=account.sub,
            sid=sid_text(session.sid),
            request_id=request_id,
            detail={"client_id": client.client_id, "amr": list(amr)},
            personal={"network": origin.network, "agent": session.agent},
            personal_key=account.personal_key_wrapped,
        )
        changes = (self._storage.sessions.insert(session), event, *also)
        outcome = await self._storage.apply(Unit("start_session", changes))
        if not outcome.applied:
            raise InvalidGrant(reason=f"cut off while signing in: {outcome.refused_by}")
        # The roles in `account` are as old as the password check is long, and a change of roles ends no session.
        state = await self._storage.sessions.find(session.sid)
        if state is None:
            raise InvalidGrant(reason="no such session")
        check_alive(state, now)
        token = refresh_tokens.encode(key, session.sid, session.salt, 0)
        return Refreshed(session, state.roles, token, state.n, now, retried=False)

    async def refresh(
        self, token: str, *, client_id: str, origin: Origin, request_id: str, coalesce: bool = False
    ) -> Refreshed:
        """Exchange a refresh token for its successor, once; for a retry, give the same successor again.

        Until the token has been verified nothing is written, whatever is wrong with it. With `coalesce`, for a token
        that a browser keeps in a cookie, a current token less than ten seconds old stays the current one.

        Raises:
            InvalidGrant: not accepted. If the token was a copy used after its owner went on, the session is ended.
        """
        presented = refresh_tokens.decode(token)
        now_ms = int(self._clock.now() * 1000)
        state = await self._find_alive(presented, client_id, now_ms // 1000)
        tries = 0
        was_current = state.session.generation == presented.generation
        if was_current and coalesce and abs(now_ms - state.session.rotated_at_ms) < COALESCED_MS:
            at = now_ms // 1000
            return Refreshed(state.session, state.roles, token, state.n, at, retried=False, coalesced=True)
        while state.session.generation == presented.generation:
            tries += 1
            if tries > _MOST_TRIES:
                raise InvalidGrant(reason="the session changed at every try")
            key = self._ring.active_refresh_key()
            if await self._rotate(state, key.number, origin, now_ms):
                session = state.session._replace(idle_expires_at=now_ms // 1000 + self._policy.idle_seconds)
                successor = refresh_tokens.encode(key, session.sid, session.salt, presented.generation + 1)
                # `rsq` belongs to the roles: with the head of the update's own snapshot, a token that was under way
                # while a role was taken away would carry it past the record that refuses it.
                return Refreshed(session, state.roles, successor, state.n, now_ms // 1000, retried=False)
            # Somebody was faster. One new statement tells what the row says now; a retry needs every condition too.
            # Where only a cut-off moved that the session moved with, the token is still the current one: to take it
            # for an old one would end the session as stolen.
            state = await self._find_alive(presented, client_id, now_ms // 1000)
        if was_current and state.session.generation > presented.generation + 1:
            # It was no old one when it came. A change of the password moved the session on by two under it.
            raise InvalidGrant(reason="the session was kept across a cut-off meanwhile")
        return await self._retry_or_theft(presented, state, origin, now_ms, request_id)

    async def _find_alive(self, presented: PresentedToken, client_id: str, now: int) -> SessionState:
        """The session of a verified token, with every condition checked that rotation depends on."""
        state = await self._storage.sessions.find(presented.sid)
        if state is None:
            raise InvalidGrant(reason="no such session")
        # The revision is of the same snapshot: a key that is revoked later has a record after `state.n`, which
        # refuses the access token as well.
        await self._ring.catch_up_to(state.ring_revision)
        key = self._ring.refresh_key(presented.key_number)
        if key is None:
            raise InvalidGrant(reason="refresh key retired or revoked")
        refresh_tokens.check_secret(presented, key, state.session.salt)
        check_alive(state, now)
        if state.session.client_id != client_id:
            raise InvalidGrant(reason="refresh token of another client")
        return state

    async def _rotate(self, state: SessionState, key_number: int, origin: Origin, now_ms: int) -> bool:
        """The one conditional update, and whether it changed the row."""
        session, now = state.session, now_ms // 1000
        change = self._storage.sessions.rotate(
            sid=session.sid,
            generation=session.generation,
            key_number=key_number,
            rotated_at_ms=now_ms,
            last_seen_at=now,
            idle_expires_at=now + self._policy.idle_seconds,
            network=origin.network,
            agent=origin.agent[:_AGENT_CHARACTERS],
            account_cutoff=session.account_cutoff,
            client_cutoff=session.client_cutoff,
            now=now,
        )
        return (await self._storage.apply(Unit("rotate", (change,)))).applied

    async def _retry_or_theft(
        self, presented: PresentedToken, state: SessionState, origin: Origin, now_ms: int, request_id: str
    ) -> Refreshed:
        session = state.session
        if session.generation < presented.generation:
            # The MAC is ours, so the row once stood there: the database has lost commits. The user did no wrong.
            raise InvalidGrant(reason="storage.rolled_back")
        # A rotation in the future tells of a clock that was set back. It is no retry either, or else a copied token
        # would count as one for as long as the clock was ahead.
        age_ms = abs(now_ms - session.rotated_at_ms)
        if session.generation > presented.generation + 1 or age_ms > self._policy.retry_seconds * 1000:
            await self._copied_tokens.end(session, request_id=request_id, now=now_ms // 1000)
            raise InvalidGrant(reason="session.reuse_detected")
        key = self._ring.refresh_key(session.key_number)
        if key is None:
            raise InvalidGrant(reason="refresh key retired or revoked")
        await self._copied_tokens.note_retry(
            session,
            network=origin.network,
            agent=origin.agent[:_AGENT_CHARACTERS],
            request_id=request_id,
            now=now_ms // 1000,
        )
        successor = refresh_tokens.encode(key, session.sid, session.salt, session.generation)
        return Refreshed(session, state.roles, successor, state.n, now_ms // 1000, retried=True)

    async def find_by_refresh_token(self, token: str, *, client_id: str) -> SessionRecord:
        """The living session of a verified refresh token, of whatever generation. Changes nothing.

        Raises:
            InvalidGrant: the token is not ours, or its session does not live.
        """
        presented = refresh_tokens.decode(token)
        return (await self._find_alive(presented, client_id, int(self._clock.now()))).session

    async def end(self, sid: bytes, *, actor: str, reason: str, request_id: str = "") -> Ended | None:
        """End one session and revoke its access tokens; `None` if it had ended before or never was.

        The record is left out when no access token of the session can be alive any more.
        """
        while True:
            state = await self._storage.sessions.find(sid)
            if state is None or state.session.ended_at is not None:
                return None
            session, now = state.session, int(self._clock.now())
            last_issue = session.rotated_at_ms // 1000 + LONGEST_RETRY_SECONDS
            leaves_tokens = now <= last_issue + LONGEST_TOKEN_SECONDS
            # Without a record a refresh that slipped in between would leave a token that nothing refuses; so the
            # session must not have been rotated since it was read.
            rotated_at_ms = None if leaves_tokens else session.rotated_at_ms
            text = sid_text(sid)
            changes = [
                self._storage.sessions.end(sid, now, rotated_at_ms=rotated_at_ms),
                self._audit.event(
                    "session.ended",
                    actor=actor,
                    at=now,
                    subject=session.sub,
                    sid=text,
                    request_id=request_id,
                    detail={"reason": reason},
                ),
            ]
            if leaves_tokens:
                changes.append(self._revocations.record("session", text, reason))
            outcome = await self._storage.apply(Unit("end_session", tuple(changes)))
            if outcome.applied:
                return Ended(1, outcome.integer(2) if leaves_tokens else state.n)

    async def end_all(
        self, account: AccountRecord, *, actor: str, reason: str, request_id: str = ""
    ) -> Ended:
        """Log out everywhere: one increment of the account's cut-off, and a `subject` record.

        A session that starts while this commits compares the cut-off it read before and gets nothing; one that
        starts after the answer survives.
        """
        now = int(self._clock.now())
        changes = (
            self._storage.accounts.raise_cutoff(account.sub),
            self._storage.sessions.end_all_of_account(sub=account.sub, ended_at=now),
            self._revocations.record("subject", account.sub, reason),
            self._audit.event(
                "account.logged_out_everywhere",
                actor=actor,
                at=now,
                subject=account.sub,
                request_id=request_id,
                detail={"reason": reason},
            ),
        )
        outcome = await self._storage.apply(Unit("end_all_sessions", changes))
        return Ended(outcome.counts[1], outcome.integer(2))

    async def sweep(self, limit: int) -> int:
        """Delete at most `limit` rows of sessions that ended or expired a day ago; how many rows were looked at."""
        before = int(self._clock.now()) - 86_400
        unit = Unit("sweep_sessions", (self._storage.sessions.sweep(before=before, limit=limit),))
        return (await self._storage.apply(unit)).counts[0]


def check_alive(state: SessionState, now: int) -> None:
    """Every condition a session must meet, besides the token presented for it.

    Raises:
        InvalidGrant: with the reason why it does not live.
    """
    session = state.session
    if session.ended_at is not None:
        raise InvalidGrant(reason="session ended")
    if now >= session.idle_expires_at or now >= session.absolute_expires_at:
        raise InvalidGrant(reason="session expired")
    if state.account_disabled_at is not None or state.client_disabled_at is not None:
        raise InvalidGrant(reason="account or client disabled")
    if state.account_cutoff != session.account_cutoff or state.client_cutoff != session.client_cutoff:
        raise InvalidGrant(reason="logged out everywhere")
