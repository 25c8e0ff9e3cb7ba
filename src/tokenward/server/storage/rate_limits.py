"""Leaky buckets and known origins, kept in the database so that a restart forgives no failure that was answered."""

from tokenward.server.storage.reading import Reader
from tokenward.server.storage.records import BucketRecord
from tokenward.server.storage.units import Change, Parameters


class RateLimitStore:
    """Reads buckets and builds the changes to them. Which buckets there are is `server.rate_limit`'s.

    A bucket is named by a hash, since what is hashed (a login, an address) is personal.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def find_level(self, bucket: bytes) -> BucketRecord | None:
        """The bucket as it stands, or `None` for one that is empty; its `wait_ms` is for `Retry-After`."""
        row = await self._reader.one("rate_limits.find_level", {"bucket": bucket})
        return None if row is None else BucketRecord._make(row)

    async def find_throttle(
        self, login_hash: bytes, origin_hash: bytes, buckets: tuple[bytes, bytes, bytes]
    ) -> tuple[bool, dict[bytes, BucketRecord]]:
        """Whether this origin has signed in to this login before, and those of the buckets that are not empty.

        All of it as it stands at one moment.
        """
        parameters: Parameters = {
            "login_hash": login_hash,
            "origin_hash": origin_hash,
            "bucket_1": buckets[0],
            "bucket_2": buckets[1],
            "bucket_3": buckets[2],
        }
        rows = await self._reader.many("rate_limits.find_throttle", parameters)
        levels = {row[0]: BucketRecord._make(row[1:]) for row in rows if isinstance(row[0], bytes)}
        return len(levels) < len(rows), levels

    def take(self, bucket: bytes, now_ms: int, capacity: int, refill_ms: int) -> Change:
        """Put one into the bucket, which holds `capacity` and drains one in `refill_ms`.

        Returns the level reached. Expects one row: refused, and nothing changed, when the bucket is full. Of
        many at once as many are applied as there is room for. A bucket that is fuller than it can be tells of
        a clock set back, and counts as empty, so that nobody is locked out until the clock has caught up.
        """
        parameters: Parameters = {
            "bucket": bucket,
            "now_ms": now_ms,
            "capacity": capacity,
            "refill_ms": refill_ms,
        }
        return Change("rate_limits.take", parameters, 1)

    def clear(self, bucket: bytes) -> Change:
        """Empty the bucket; accepts one that is gone."""
        return Change("rate_limits.clear", {"bucket": bucket})

    def remember_origin(self, login_hash: bytes, origin_hash: bytes, at: int) -> Change:
        """Note that this origin signed in to this login at `at`."""
        parameters: Parameters = {"login_hash": login_hash, "origin_hash": origin_hash, "at": at}
        return Change("rate_limits.remember_origin", parameters, 1)

    async def origins(self, login_hash: bytes, limit: int) -> list[int]:
        """When each of at most `limit` origins last signed in to this login; their hashes do not tell which."""
        rows = await self._reader.many("rate_limits.origins", {"login_hash": login_hash, "limit": limit})
        return [int(str(row[0])) for row in rows]

    def forget_origins(self, login_hash: bytes) -> Change:
        """Forget every origin that signed in to this login; accepts any number."""
        return Change("rate_limits.forget_origins", {"login_hash": login_hash})

    def sweep(self, now_ms: int, limit: int) -> Change:
        """Delete at most `limit` buckets that are empty at `now_ms`."""
        return Change("rate_limits.sweep", {"now_ms": now_ms, "limit": limit})

    def sweep_origins(self, before: int, limit: int) -> Change:
        """Delete at most `limit` origins that were last seen before the second `before`."""
        return Change("rate_limits.sweep_origins", {"before": before, "limit": limit})
