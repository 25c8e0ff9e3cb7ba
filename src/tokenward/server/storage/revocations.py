"""The log of revocations: ordered, numbered without a gap, and short.

It stays short because a record is dropped once every token that it could match has expired.
"""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.units import Change, Parameters
from tokenward.tokens.revocation_set import RevocationRecord


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

    def sweep(self, now: int, limit: int) -> Change:
        """Delete at most `limit` records whose `drop_after` is before `now`; those of scope `key` stay."""
        return Change("revocations.sweep", {"now": now, "limit": limit})
