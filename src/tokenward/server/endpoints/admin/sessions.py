"""`/api/v1/admin/sessions` and `/api/v1/admin/accounts/{sub}/sessions`: who is signed in where, and ending it."""

from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.administration import as_admin
from tokenward.server.endpoints.admin.accounts import get_sub
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.api.rendering import (
    EXAMPLE_RECEIPT,
    EXAMPLE_SESSION,
    Session,
    receipt,
    session,
)
from tokenward.server.endpoints.cursors import encode_cursor, read_cursor
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.documentation.fields import EXAMPLE_SUB, Sub
from tokenward.server.endpoints.messages import Request, Response, extended
from tokenward.server.endpoints.paging import Page, PageQuery, Paging, list_response, read_paging
from tokenward.server.sessions.directory import SessionDirectory, get_sid
from tokenward.server.sessions.sessions import Sessions

# Which list a cursor is of.
_EVERYBODY, _OF_ACCOUNT = "s", "sa"
_REASON = "administrator"


class AdministeredSession(Session):
    """A session as an administrator sees it; `account` is whose it is."""

    account: Sub


class SessionPage(Page[AdministeredSession]):
    """Some of the sessions that live."""


_EXAMPLE = SessionPage([extended(AdministeredSession, EXAMPLE_SESSION, account=EXAMPLE_SUB)], None)


class AdminSessionEndpoints:
    """Sessions of everybody, for administrators."""

    def __init__(
        self, *, admins: Admins, accounts: Accounts, sessions: Sessions, directory: SessionDirectory
    ) -> None:
        self._admins = admins
        self._accounts = accounts
        self._sessions = sessions
        self._directory = directory

    @described("listSessions", access=Access.ADMIN, query=PageQuery, answer=_EXAMPLE)
    async def list_sessions(self, request: Request) -> Response:
        """`GET /api/v1/admin/sessions`: every session that lives; `account` is whose it is."""
        await self._admins.check(request)
        return await self._page(_EVERYBODY, read_paging(request), None)

    @described(
        "listAccountSessions", access=Access.ADMIN, query=PageQuery, answer=_EXAMPLE, refuses=(NOT_FOUND,)
    )
    async def list_account_sessions(self, request: Request) -> Response:
        """`GET /api/v1/admin/accounts/{sub}/sessions`: the sessions of one account that live."""
        await self._admins.check(request)
        paging = read_paging(request)
        account = await self._accounts.get(get_sub(request))
        return await self._page(_OF_ACCOUNT, paging, account.sub)

    @described("endSession", access=Access.ADMIN, answer=EXAMPLE_RECEIPT, refuses=(NOT_FOUND,))
    async def end_session(self, request: Request) -> Response:
        """`DELETE /api/v1/admin/sessions/{sid}`: end one session, and refuse its access tokens."""
        admin = await self._admins.check(request)
        sessions = as_admin(self._sessions, admin.sub)
        ended = await self._directory.ending_by(sessions).end(
            get_sid(request.parameters["sid"]),
            sub=None,
            actor=admin.sub,
            request_id=request.id,
            reason=_REASON,
        )
        return receipt(ended)

    @described("endAccountSessions", access=Access.ADMIN, answer=EXAMPLE_RECEIPT, refuses=(NOT_FOUND,))
    async def end_account_sessions(self, request: Request) -> Response:
        """`DELETE /api/v1/admin/accounts/{sub}/sessions`: sign the account out everywhere. It may sign in again."""
        admin = await self._admins.check(request)
        account = await self._accounts.get(get_sub(request))
        ended = await as_admin(self._sessions, admin.sub).end_all(
            account, actor=admin.sub, reason=_REASON, request_id=request.id
        )
        return receipt(ended)

    async def _page(self, kind: str, paging: Paging, sub: str | None) -> Response:
        after = read_cursor(paging.after, kind, str)
        page = await self._directory.page(sub=sub, after=after, limit=paging.limit)
        place = None if page.next_cursor is None else encode_cursor(kind, page.next_cursor)
        items = [extended(AdministeredSession, session(one), account=one.sub) for one in page.items]
        return list_response(items, place)
