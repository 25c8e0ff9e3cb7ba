"""The rows of the audit log."""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import AuditRecord
from tokenward.server.storage.units import Change


class AuditStore:
    """Reads the audit log and builds the changes to it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def page(self, after_id: int, limit: int) -> list[AuditRecord]:
        """At most `limit` events with an id above `after_id`, in the order they were written."""
        rows = await self._reader.many("audit.page", {"after_id": after_id, "limit": limit})
        return [AuditRecord._make(row) for row in rows]

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
