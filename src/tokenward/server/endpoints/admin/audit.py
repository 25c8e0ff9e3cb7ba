"""`/api/v1/admin/audit`: who did what."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tokenward.errors import InvalidRequest
from tokenward.server.audit import Audit
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.api.exported import JsonObject
from tokenward.server.endpoints.cursors import Place, encode_cursor, read_cursor
from tokenward.server.endpoints.documentation import fields
from tokenward.server.endpoints.documentation.described import Access, described
from tokenward.server.endpoints.messages import Request, Response
from tokenward.server.endpoints.paging import Page, PageQuery, list_response, read_paging
from tokenward.server.storage.interface import AccountStore
from tokenward.server.storage.records import AuditFilter

_KIND = "e"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,11}")


_Filter = Annotated[str, Meta(extra_json_schema={"pattern": "^[A-Za-z0-9_.-]{1,64}$"})]
_Time = Annotated[
    int,
    Meta(
        description="Seconds since 1970, in UTC.",
        extra_json_schema={"format": "int64", "minimum": 0, "maximum": 99999999999},
    ),
]


class AuditQuery(PageQuery):
    """The query of the audit trail; each filter narrows it."""

    subject: _Filter | msgspec.UnsetType = msgspec.UNSET
    actor: _Filter | msgspec.UnsetType = msgspec.UNSET
    event: _Filter | msgspec.UnsetType = msgspec.UNSET
    since: _Time | msgspec.UnsetType = msgspec.UNSET
    until: _Time | msgspec.UnsetType = msgspec.UNSET


class AuditEvent(msgspec.Struct):
    """What happened. `personal` is what it tells of a person, and `null` once the account is erased."""

    id: str
    at: fields.Seconds
    event: str
    actor: str
    subject: str
    session: str
    request_id: fields.RequestId
    detail: JsonObject
    personal: dict[str, Any] | None


class AuditPage(Page[AuditEvent]):
    """Some of what happened, the newest first."""


_EXAMPLE = AuditEvent(
    id="Nzgx",
    at=1763985600,
    event="login.failed",
    actor="anonymous",
    subject=fields.EXAMPLE_SUB,
    session="",
    request_id=fields.EXAMPLE_REQUEST_ID,
    detail=msgspec.Raw(b'{"reason":"wrong password"}'),
    personal={"network": "192.0.2.0/24", "agent": "curl/8.14.1"},
)


class AdminAuditEndpoints:
    """The audit trail, for administrators."""

    def __init__(self, *, admins: Admins, audit: Audit, accounts: AccountStore) -> None:
        self._admins = admins
        self._audit = audit
        self._accounts = accounts

    @described("listAuditEvents", access=Access.ADMIN, query=AuditQuery, answer=AuditPage([_EXAMPLE], None))
    async def list_events(self, request: Request) -> Response:
        """`GET /api/v1/admin/audit`: what happened, the newest first, narrowed by any of the filters.

        `subject` is the account it happened to and `actor` who did it: an account, `command-line`, `system` or
        `anonymous`. `event` is one kind of event. `since` and `until` are seconds since 1970, `until` not included.
        `personal` in an item is what it tells of a person, and `null` once the account is erased.
        """
        await self._admins.check(request)
        paging = read_paging(request, "subject", "actor", "event", "since", "until")
        filters = AuditFilter(
            subject=_check_name("subject", paging.filters),
            actor=_check_name("actor", paging.filters),
            event=_check_name("event", paging.filters),
            since=_check_time("since", paging.filters),
            until=_check_time("until", paging.filters),
        )
        before = read_cursor(paging.after, _KIND, tuple[Place, Place])
        rows, place = await self._audit.page(self._accounts, filters, before, paging.limit)
        items = [
            AuditEvent(
                id=encode_cursor("id", record.id),
                at=record.at,
                event=record.event,
                actor=record.actor,
                subject=record.subject,
                session=record.sid,
                request_id=record.request_id,
                detail=msgspec.Raw(record.detail.encode()),
                personal=personal,
            )
            for record, personal in rows
        ]
        return list_response(items, None if place is None else encode_cursor(_KIND, place))


def _check_name(name: str, filters: Mapping[str, str]) -> str | None:
    text = filters.get(name)
    if text is not None and not _NAME.fullmatch(text):
        msg = f"`{name}` must be at most 64 characters of A-Z, a-z, 0-9, dot, hyphen and underscore."
        raise InvalidRequest(msg, reason=name)
    return text


def _check_time(name: str, filters: Mapping[str, str]) -> int | None:
    text = filters.get(name)
    if text is not None and not _SECONDS.fullmatch(text):
        msg = f"`{name}` must be a time in seconds since 1970, in UTC."
        raise InvalidRequest(msg, reason=name)
    return None if text is None else int(text)
