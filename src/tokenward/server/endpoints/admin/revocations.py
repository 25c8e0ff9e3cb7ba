"""`/api/v1/admin/revocations`: make tokens count for nothing, and see what is in force."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from tokenward.clock import Clock
from tokenward.errors import InvalidRequest
from tokenward.protocol.errors import NOT_FOUND
from tokenward.server.accounts.accounts import Accounts
from tokenward.server.accounts.administration import as_admin
from tokenward.server.audit import Audit
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.admin.reasons import DEFAULT_REASON, check_reason
from tokenward.server.endpoints.bodies import read_json
from tokenward.server.endpoints.cursors import Place, encode_cursor, read_cursor
from tokenward.server.endpoints.documentation import fields
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.messages import Request, Response, json_response
from tokenward.server.endpoints.paging import Page, PageQuery, list_response, read_paging
from tokenward.server.revocation.log import RevocationLog
from tokenward.server.sessions.directory import SessionDirectory, get_sid
from tokenward.server.sessions.sessions import Sessions
from tokenward.server.storage.interface import RevocationStore
from tokenward.server.storage.records import LoggedRevocation

_KIND = "r"

Scope = Literal["token", "session", "subject", "client", "audience", "all"]

# Of exactly the length of ours, so that a whole token that somebody pastes here is not kept in two logs.
_JTI = re.compile(r"[A-Za-z0-9_-]{22}")
_SUB = re.compile(r"usr_[A-Za-z0-9_-]{22}")
_PRINTABLE = re.compile(r"[!-~]{1,255}")

_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "token": (_JTI, "the jti of an access token: 22 characters of A-Z, a-z, 0-9, hyphen and underscore"),
    "session": (_JTI, "the id of a session, which is the sid of its tokens"),
    "subject": (_SUB, "the id of an account, which is the sub of its tokens and begins with usr_"),
    "client": (_PRINTABLE, "a client_id"),
    "audience": (_PRINTABLE, "an audience, exactly as it stands in the aud of tokens"),
    "all": (re.compile(""), "left out"),
}


_Value = Annotated[str, Meta(extra_json_schema={"maxLength": 255, "pattern": "^[!-~]*$"})]
# As the log writes it; an answer is not read back, so this is for the description only.
_LoggedScope = Annotated[
    str,
    Meta(extra_json_schema={"enum": ["token", "session", "subject", "client", "audience", "key", "all"]}),
]


class Revocation(msgspec.Struct):
    """What to revoke: `value` names it, and is left out for `all`; `reason` is a word for the log.

    `scope` is one of: `token` (a `jti`), `session` (its id), `subject` (an account: its sessions too), `client` (its
    sessions too), `audience` (access tokens only: sessions go on and get new ones), `all` (every session and token of
    everybody, the one that asks included). To revoke a key, see its own path.
    """

    scope: Scope
    value: _Value = ""
    reason: fields.Reason = DEFAULT_REASON


class LoggedRecord(msgspec.Struct):
    """A record as an administrator sees it; `n` is its place in the log.

    After `drop_after` every token that it could match has expired; a record of a key stays for ever.
    """

    n: fields.LogNumber
    scope: _LoggedScope
    value: str
    drop_after: fields.Seconds
    reason: str
    revoked_at: fields.Seconds


class RevocationPage(Page[LoggedRecord]):
    """Some of the revocations in force, the newest first."""


class Revoked(msgspec.Struct):
    """What was revoked, and from where on."""

    scope: Scope
    value: str
    revoked_from: fields.LogNumber


def revocation(record: LoggedRevocation) -> LoggedRecord:
    """A record as an administrator sees it."""
    return LoggedRecord(*record)


_EXAMPLE_JTI = "6ZpHkq1vQ3uXo0Yt5mWc2A"


class AdminRevocationEndpoints:
    """The log of revocations, for administrators."""

    def __init__(
        self,
        *,
        admins: Admins,
        accounts: Accounts,
        sessions: Sessions,
        directory: SessionDirectory,
        revocations: RevocationLog,
        store: RevocationStore,
        audit: Audit,
        clock: Clock,
    ) -> None:
        self._admins = admins
        self._accounts = accounts
        self._sessions = sessions
        self._directory = directory
        self._revocations = revocations
        self._store = store
        self._audit = audit
        self._clock = clock

    @described(
        "listRevocations",
        access=Access.ADMIN,
        query=PageQuery,
        answer=RevocationPage(
            [LoggedRecord(1099511627783, "token", _EXAMPLE_JTI, 1763987100, "stolen", 1763985600)], None
        ),
    )
    async def list_revocations(self, request: Request) -> Response:
        """`GET /api/v1/admin/revocations`: the records that can still match a token, the newest first.

        `n` is the place in the log. After `drop_after` every token that the record could match has expired; a record of
        a key stays for ever.
        """
        await self._admins.check(request)
        paging = read_paging(request)
        before = read_cursor(paging.after, _KIND, Place)
        now = int(self._clock.now())
        records = await self._store.newest(before, paging.limit + 1, living_at=now)
        shown = records[: paging.limit]
        more = len(records) > paging.limit
        return list_response(map(revocation, shown), encode_cursor(_KIND, shown[-1].n) if more else None)

    @described(
        "revoke",
        access=Access.ADMIN,
        body=Revocation("token", _EXAMPLE_JTI, "stolen"),
        answer=Revoked("token", _EXAMPLE_JTI, 1099511627783),
        refuses=(NOT_FOUND,),
    )
    async def revoke(self, request: Request) -> Response:
        """`POST /api/v1/admin/revocations`: revoke. There is no way back.

        Whether a token or an audience of that name exists is not known here; an account, session or client must.
        """
        await self._admins.check(request)
        body = await read_json(request, Revocation)
        admin = await self._admins.check(request)
        form, description = _FORMS[body.scope]
        if not form.fullmatch(body.value):
            msg = f"For scope {body.scope}, `value` must be {description}."
            raise InvalidRequest(msg, reason="value")
        n = await self._revoke(body.scope, body.value, check_reason(body.reason), admin.sub, request.id)
        return json_response(Revoked(body.scope, body.value, n))

    async def _revoke(self, scope: Scope, value: str, reason: str, actor: str, request_id: str) -> int:
        # Whoever asks may have lost the role since the look at it; each unit looks again.
        revocations, sessions = as_admin(self._revocations, actor), as_admin(self._sessions, actor)
        if scope == "session":
            ended = await self._directory.ending_by(sessions).end(
                get_sid(value), sub=None, actor=actor, reason=reason, request_id=request_id
            )
            return ended.n
        if scope == "subject":
            account = await self._accounts.get(value)
            ended = await sessions.end_all(account, actor=actor, reason=reason, request_id=request_id)
            return ended.n
        if scope == "all":
            return await revocations.revoke_all(
                reason=reason, actor=actor, audit=self._audit, request_id=request_id
            )
        by_value: Mapping[str, Callable[..., Awaitable[int]]] = {
            "token": revocations.revoke_token,
            "client": revocations.revoke_client,
            "audience": revocations.revoke_audience,
        }
        return await by_value[scope](
            value, reason=reason, actor=actor, audit=self._audit, request_id=request_id
        )
