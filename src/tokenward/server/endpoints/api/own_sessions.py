"""`/api/v1/users/me/sessions`: where the account is signed in, and ending it there."""

from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_RECEIPT,
    EXAMPLE_SESSION,
    Session,
    receipt,
    session,
)
from tokenward.server.endpoints.api.signed_in import SignedIn
from tokenward.server.endpoints.cursors import encode_cursor, read_cursor
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.messages import Request, Response, extended
from tokenward.server.endpoints.paging import Page, PageQuery, list_response, read_paging
from tokenward.server.endpoints.telemetry import Metrics
from tokenward.server.sessions.directory import SessionDirectory, SessionNotFound, get_sid
from tokenward.server.sessions.session_id import sid_text

# Which list a cursor is of.
_KIND = "so"


class OwnSession(Session):
    """A session as its owner sees it; `current` marks the one of the access token that asked."""

    current: bool


class OwnSessionPage(Page[OwnSession]):
    """Some of the sessions of the account."""


class OwnSessionEndpoints:
    """The sessions of the signed-in account."""

    def __init__(self, *, signed_in: SignedIn, directory: SessionDirectory, metrics: Metrics) -> None:
        self._signed_in = signed_in
        self._directory = directory
        self._metrics = metrics

    @described(
        "listOwnSessions",
        access=Access.TOKEN,
        query=PageQuery,
        answer=OwnSessionPage([extended(OwnSession, EXAMPLE_SESSION, current=True)], None),
    )
    async def read_sessions(self, request: Request) -> Response:
        """`GET /api/v1/users/me/sessions`: the sessions that live. `current` marks the one of the access token.

        `device` is made from the user agent at its last refresh and `network` is the part of the address that a
        household shares; neither is verified.
        """
        token, account = await self._signed_in.check(request)
        paging = read_paging(request)
        after = read_cursor(paging.after, _KIND, str)
        page = await self._directory.page(sub=account.sub, after=after, limit=paging.limit)
        items = [
            extended(OwnSession, session(one), current=sid_text(one.sid) == token.sid) for one in page.items
        ]
        place = None if page.next_cursor is None else encode_cursor(_KIND, page.next_cursor)
        return list_response(items, place)

    @described("endOwnSession", access=Access.TOKEN, answer=EXAMPLE_RECEIPT, refuses=(NOT_FOUND,))
    async def end_session(self, request: Request) -> Response:
        """`DELETE /api/v1/users/me/sessions/{sid}`: end one of them, by its `id`; the current one as well."""
        _, account = await self._signed_in.check(request)
        ended = await self._directory.end(
            get_sid(request.parameters["sid"]), sub=account.sub, actor=account.sub, request_id=request.id
        )
        self._metrics.count_event("session.ended")
        return receipt(ended)

    @described("endOtherSessions", access=Access.TOKEN, answer=EXAMPLE_RECEIPT, refuses=(NOT_FOUND,))
    async def end_other_sessions(self, request: Request) -> Response:
        """`DELETE /api/v1/users/me/sessions`: end all of them but the current one, which goes on as it is.

        Somebody who knows the password can sign in again: change it, which ends the others too.
        """
        token, account = await self._signed_in.check(request)
        if token.sid is None:
            raise SessionNotFound(reason="access token without sid")
        ended = await self._directory.end_others(
            account.sub, keep=get_sid(token.sid), actor=account.sub, request_id=request.id
        )
        self._metrics.count_event("account.other_sessions_ended")
        return receipt(ended)
