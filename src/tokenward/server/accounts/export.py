"""All that is kept about a person: the account, its sessions, its audit rows with their personal data opened.

Not in it: the hash of the password, and how many failures are held against the account for an hour, in buckets that
are named by hashes and are not looked up by person. Who may ask is not checked here.
"""

from typing import NamedTuple, TypeAlias

from tokenward.errors import InvalidRequest
from tokenward.server.accounts.accounts import AccountNotFound
from tokenward.server.audit import Audit
from tokenward.server.rate_limit import find_known_networks
from tokenward.server.sessions.directory import read_cursor
from tokenward.server.sessions.session_id import sid_text
from tokenward.server.storage.interface import Storage
from tokenward.server.storage.records import AccountRecord, AuditRecord, SessionRecord

_MOST_IN_A_PAGE = 200
_MOST_NETWORKS = 1000
# A cursor names what it goes on with, and after which.
_SESSION, _EVENT = "s.", "e."


class ExportedAccount(NamedTuple):
    """The account, and when each network that is known of it (by a hash only) last signed in, in UTC seconds."""

    record: AccountRecord
    known_networks: tuple[int, ...]


class ExportedEvent(NamedTuple):
    """An audit row about the person, and its personal data; `None` where there is none."""

    record: AuditRecord
    personal: dict[str, object] | None


Entry: TypeAlias = ExportedAccount | SessionRecord | ExportedEvent


class ExportPage(NamedTuple):
    """Entries in order: the account, then its sessions, then its audit rows from the oldest."""

    items: tuple[Entry, ...]
    next_cursor: str | None


class Export:
    """Reads all that is kept about one account."""

    def __init__(self, *, storage: Storage, audit: Audit) -> None:
        self._storage = storage
        self._audit = audit

    async def page(self, sub: str, *, after: str | None = None, limit: int = 50) -> ExportPage:
        """At most `limit` (1 to 200) entries beyond the cursor `after`.

        The password's hash and the wrapped key in the account's record are not for anybody's eyes: whoever renders it
        leaves them out.

        Raises:
            AccountNotFound: there is no such account.
            InvalidRequest: `limit` is out of bounds, or `after` is no cursor of a page.
        """
        if not 1 <= limit <= _MOST_IN_A_PAGE:
            msg = f"`limit` must be from 1 to {_MOST_IN_A_PAGE}."
            raise InvalidRequest(msg, reason="limit")
        account = await self._storage.accounts.find(sub)
        if account is None:
            raise AccountNotFound
        if after is None:
            logins = [login for login in (account.email, account.username) if login is not None]
            networks = await find_known_networks(self._storage, logins, _MOST_NETWORKS)
            return await self._sessions(account, (ExportedAccount(account, networks),), None, limit)
        if after.startswith(_SESSION):
            return await self._sessions(account, (), read_cursor(after.removeprefix(_SESSION)), limit)
        return await self._events(account, (), _read_event_cursor(after), limit)

    async def _sessions(
        self, account: AccountRecord, before: tuple[Entry, ...], after: bytes | None, limit: int
    ) -> ExportPage:
        room = limit - len(before)
        records = await self._storage.sessions.page_of_account(account.sub, after, room + 1, living_at=None)
        kept = records[:room]
        if len(records) > room:
            # With room for none the next page begins before the first: no random id is all zeros.
            return ExportPage((*before, *kept), _SESSION + sid_text(kept[-1].sid if kept else bytes(16)))
        return await self._events(account, (*before, *kept), 0, limit)

    async def _events(
        self, account: AccountRecord, before: tuple[Entry, ...], after: int, limit: int
    ) -> ExportPage:
        room = limit - len(before)
        records = await self._storage.audit.page_of_subject(account.sub, after, room + 1)
        kept = records[:room]
        entries = (
            ExportedEvent(record, self._audit.personal(record, account.personal_key_wrapped))
            for record in kept
        )
        last = kept[-1].id if kept else after
        return ExportPage((*before, *entries), f"{_EVENT}{last}" if len(records) > room else None)


def _read_event_cursor(after: str) -> int:
    digits = after.removeprefix(_EVENT)
    # 18 digits are within what a column holds.
    if not after.startswith(_EVENT) or not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
        msg = "`cursor` must be the `next_cursor` of an earlier page."
        raise InvalidRequest(msg, reason="cursor")
    return int(digits)
