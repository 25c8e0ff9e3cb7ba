"""The rows of the audit log."""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import AuditFilter, AuditRecord
from tokenward.server.storage.units import Change, Parameters

_LAST = 2**63 - 1  # More than any time or id; what a 64-bit column can hold.


class AuditStore:
    """Reads the audit log and builds the changes to it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(self, after_id: int, limit: int) -> list[AuditRecord]:
        """At most `limit` events with an id above `after_id`, in the order they were written."""
        rows = await self._reader.many("audit.page", {"after_id": after_id, "limit": limit})
        return [AuditRecord._make(row) for row in rows]

    async def page_of_subject(self, subject: str, after_id: int, limit: int) -> list[AuditRecord]:
        """At most `limit` events about one account with an id above `after_id`, in the order they were written."""
        parameters: Parameters = {"subject": subject, "after_id": after_id, "limit": limit}
        rows = await self._reader.many("audit.page_of_subject", parameters)
        return [AuditRecord._make(row) for row in rows]

    async def newest(
        self, filters: AuditFilter, before: tuple[int, int] | None, limit: int
    ) -> list[AuditRecord]:
        """At most `limit` events that fit, the newest first, from before the time and id `before`.

        By time and then by id; those of one subject by id alone, which differs where a clock was set back.
        """
        # The narrowest first: one account has fewer events than most kinds of events.
        by = next(
            (name for name in ("subject", "actor", "event") if getattr(filters, name) is not None), None
        )
        before_at, before_id = before or (_LAST, _LAST)
        parameters: Parameters = {
            **filters._asdict(),
            "since": filters.since if filters.since is not None else 0,
            "until": filters.until if filters.until is not None else _LAST,
            "before_at": before_at,
            "before_id": before_id,
            "limit": limit,
        }
        statement = "audit.newest" if by is None else f"audit.newest_of_{by}"
        return [AuditRecord._make(row) for row in await self._reader.many(statement, parameters)]

    async def newest_at(self) -> int | None:
        """When the last event was written, in UTC seconds; `None` for an empty log."""
        row = await self._reader.one("audit.newest_at", {})
        return None if row is None else int(str(row[0]))

    def add(self, record: AuditRecord) -> Change:
        """Append an event; returns its id. Belongs into the unit it tells of.

        The id in `record` is not used. Ids ascend and are never given twice, also after a sweep. Expects
        one row.
        """
        parameters = record._asdict()
        del parameters["id"]
        return Change("audit.add", parameters, 1)

    def sweep(self, before: int, limit: int) -> Change:
        """Delete at most `limit` events from before the second `before`, the oldest first."""
        return Change("audit.sweep", {"before": before, "limit": limit})
