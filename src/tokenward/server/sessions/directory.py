"""The sessions there are: listed in pages, and ended one at a time or all but one.

What a session is and when it lives is `sessions`'; who may list or end which is the caller's: `sub` keeps a call to
the sessions of one account.
"""

import asyncio
from typing import NamedTuple

from tokenward.clock import Clock
from tokenward.errors import Error, InvalidRequest
from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.sessions.refresh_tokens import InvalidGrant
from tokenward.server.sessions.session_id import sid_bytes, sid_text
from tokenward.server.sessions.sessions import Ended, Sessions
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import SessionRecord

_MOST_IN_A_PAGE = 200
_SID_BYTES = 16
_ENDED_TOGETHER = 100


class SessionNotFound(Error):
    """There is no such session (any more), or it is of another account: nobody learns which."""

    code = NOT_FOUND
    status = 404
    description = "There is no such session, or it has ended already."


class SessionPage(NamedTuple):
    """Sessions in the order of `sid`, which says nothing; `next_cursor` is the `after` of the page that follows."""

    items: tuple[SessionRecord, ...]
    next_cursor: str | None


class SessionDirectory:
    """Lists living sessions and ends them."""

    def __init__(self, *, storage: Storage, sessions: Sessions, clock: Clock) -> None:
        self._storage = storage
        self._sessions = sessions
        self._clock = clock

    def ending_by(self, sessions: Sessions) -> "SessionDirectory":
        """The same, ending sessions through `sessions`."""
        return SessionDirectory(storage=self._storage, sessions=sessions, clock=self._clock)

    async def page(self, *, sub: str | None, after: str | None = None, limit: int = 50) -> SessionPage:
        """At most `limit` (1 to 200) sessions beyond the cursor `after` that have neither ended nor expired.

        Of the account `sub`, or with `None` of all accounts. Each session that lives all the while is met once.

        Raises:
            InvalidRequest: `limit` is out of bounds, or `after` is no cursor of a page.
        """
        if not 1 <= limit <= _MOST_IN_A_PAGE:
            msg = f"`limit` must be from 1 to {_MOST_IN_A_PAGE}."
            raise InvalidRequest(msg, reason="limit")
        beyond = None if after is None else read_cursor(after)
        now, store = int(self._clock.now()), self._storage.sessions
        if sub is None:
            records = await store.page(beyond, limit + 1, living_at=now)
        else:
            records = await store.page_of_account(sub, beyond, limit + 1, living_at=now)
        items = tuple(records[:limit])
        return SessionPage(items, sid_text(items[-1].sid) if len(records) > limit else None)

    async def end(
        self, sid: bytes, *, sub: str | None, actor: str, request_id: str = "", reason: str = "ended"
    ) -> Ended:
        """End one session, of the account `sub` only unless that is `None`.

        Raises:
            SessionNotFound: there is none, it has ended, or it is of another account. Nothing was written.
        """
        if sub is not None:
            state = await self._storage.sessions.find(sid)
            # A session never changes its account, so what was read is still true when it is ended.
            if state is None or state.session.sub != sub:
                raise SessionNotFound(reason="no such session of this account")
        ended = await self._sessions.end(sid, actor=actor, reason=reason, request_id=request_id)
        if ended is None:
            raise SessionNotFound(reason="session ended")
        return ended

    async def end_others(
        self, sub: str, *, keep: bytes, actor: str, request_id: str = "", reason: str = "ended_others"
    ) -> Ended:
        """End every session of the account but `keep` that lives now; how many, and the last record's number.

        One unit and one record for each session, so the kept one goes on with the tokens it has. A session that
        somebody starts meanwhile may live: whoever knows the password is kept out by changing it.
        """
        ended, n, after = 0, (await self._storage.position()).n, None
        while True:
            page = await self.page(sub=sub, after=after, limit=_ENDED_TOGETHER)
            others = [record.sid for record in page.items if record.sid != keep]
            # Together, so that they share a commit.
            outcomes = await asyncio.gather(
                *(
                    self._sessions.end(sid, actor=actor, reason=reason, request_id=request_id)
                    for sid in others
                )
            )
            done = [outcome for outcome in outcomes if outcome is not None]
            ended += len(done)
            n = max([n, *(outcome.n for outcome in done)])
            after = page.next_cursor
            if after is None:
                return Ended(ended, n)


def get_sid(text: str) -> bytes:
    """A session id as it came in a path.

    Raises:
        SessionNotFound: it can be none.
    """
    try:
        sid = sid_bytes(text)
    except InvalidGrant as error:
        raise SessionNotFound(reason=error.reason) from None
    if len(sid) != _SID_BYTES:
        raise SessionNotFound(reason="malformed sid")
    return sid


def read_cursor(after: str) -> bytes:
    """The `sid` in a cursor.

    Raises:
        InvalidRequest: it is no cursor of a page.
    """
    try:
        return get_sid(after)
    except SessionNotFound:
        msg = "`cursor` must be the `next_cursor` of an earlier page."
        raise InvalidRequest(msg, reason="cursor") from None
