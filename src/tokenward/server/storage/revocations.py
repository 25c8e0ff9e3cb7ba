"""The log of revocations: ordered, numbered without a gap, and short.

It stays short because a record is dropped once every token that it could match has expired.
"""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import LoggedRevocation
from tokenward.server.storage.units import Change, Parameters
from tokenward.tokens.revocation_set import RevocationRecord

_LAST = 2**63 - 1  # More than any number of a record.


class RevocationStore:
    """Reads the log and builds the changes to it. Numbers are given in the order of commits."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def after(self, n: int, limit: int) -> list[RevocationRecord]:
        """At most `limit` records with a number above `n`, ascending.

        A record that is not seen has not been committed: none with a lower number appears later.
        """
        rows = await self._reader.many("revocations.after", {"n": n, "limit": limit})
        return [RevocationRecord._make(row) for row in rows]

    async def newest(self, before_n: int | None, limit: int, *, living_at: int) -> list[LoggedRevocation]:
        """At most `limit` records that can match a token at `living_at`, the newest first, from before `before_n`."""
        parameters: Parameters = {
            "before_n": before_n if before_n is not None else _LAST,
            "living_at": living_at,
            "limit": limit,
        }
        rows = await self._reader.many("revocations.newest", parameters)
        return [LoggedRevocation._make(row) for row in rows]

    def add(self, scope: str, value: str, drop_after: int, reason: str, at: int) -> Change:
        """Append a record made at `at`; returns its `n`. Belongs into the unit of the change that causes it.

        Scopes and values are those of `RevocationRecord`. Expects one row, which it always gets.
        """
        parameters: Parameters = {
            "scope": scope,
            "value": value,
            "drop_after": drop_after,
            "reason": reason,
            "at": at,
        }
        return Change("revocations.add", parameters, 1)

    def begin_epoch(self, epoch: int) -> Change:
        """Go on at the beginning of a later epoch: every number given from now on is above all of before.

        Expects one row: refused unless `epoch` is later than the current one.
        """
        return Change("revocations.begin_epoch", {"epoch": epoch}, 1)

    def sweep(self, now: int, limit: int) -> Change:
        """Delete at most `limit` records whose `drop_after` is before `now`; those of scope `key` stay."""
        return Change("revocations.sweep", {"now": now, "limit": limit})
