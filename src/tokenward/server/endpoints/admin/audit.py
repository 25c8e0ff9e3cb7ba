"""`/api/v1/admin/audit`: who did what."""

import re
from collections.abc import Mapping

import msgspec

from tokenward.errors import InvalidRequest
from tokenward.server.audit import Audit
from tokenward.server.endpoints.admin.admins import Admins
from tokenward.server.endpoints.cursors import Place, encode_cursor, read_cursor
from tokenward.server.endpoints.messages import Request, Response
from tokenward.server.endpoints.paging import list_response, read_paging
from tokenward.server.storage.interface import AccountStore
from tokenward.server.storage.records import AuditFilter

_KIND = "e"
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SECONDS = re.compile(r"[0-9]{1,11}")


class AdminAuditEndpoints:
    """The audit trail, for administrators."""

    def __init__(self, *, admins: Admins, audit: Audit, accounts: AccountStore) -> None:
        self._admins = admins
        self._audit = audit
        self._accounts = accounts

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
            {
                "id": encode_cursor("id", record.id),
                "at": record.at,
                "event": record.event,
                "actor": record.actor,
                "subject": record.subject,
                "session": record.sid,
                "request_id": record.request_id,
                "detail": msgspec.Raw(record.detail.encode()),
                "personal": personal,
            }
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
