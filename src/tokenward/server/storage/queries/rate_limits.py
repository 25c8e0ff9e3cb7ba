"""SQL of `buckets` and `known_origins`.

A bucket is one number, the moment at which it is empty again: the level is what is left until then, divided
by `refill_ms`, so draining needs no write.
"""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "find_level": Statement("SELECT empty_at_ms, refill_ms FROM buckets WHERE bucket = :bucket"),
    # All that a sign-in asks, in one statement, since it is asked for every guess. A row without a bucket stands
    # for the known origin.
    "find_throttle": Statement(
        """
        SELECT bucket, empty_at_ms, refill_ms FROM buckets
        WHERE bucket IN (:bucket_1, :bucket_2, :bucket_3)
        UNION ALL
        SELECT NULL, seen_at, 0 FROM known_origins
        WHERE login_hash = :login_hash AND origin_hash = :origin_hash
        """
    ),
    # A bucket that needs more than twice its time to drain (and a second, for callers whose clocks were read
    # in another order) can only come from a clock set back or a setting made smaller: it counts as empty.
    "take": Statement(
        """
        INSERT INTO buckets (bucket, empty_at_ms, refill_ms)
        SELECT :bucket, :now_ms + :refill_ms, :refill_ms WHERE :capacity >= 1
        ON CONFLICT (bucket) DO UPDATE
        SET refill_ms = :refill_ms,
            empty_at_ms = :refill_ms + CASE
                WHEN buckets.empty_at_ms < :now_ms THEN :now_ms
                WHEN buckets.empty_at_ms - :now_ms > 2 * :capacity * :refill_ms + 1000 THEN :now_ms
                ELSE buckets.empty_at_ms END
        WHERE buckets.empty_at_ms - :now_ms <= (:capacity - 1) * :refill_ms
           OR buckets.empty_at_ms - :now_ms > 2 * :capacity * :refill_ms + 1000
        RETURNING (empty_at_ms - :now_ms + refill_ms - 1) / refill_ms
        """,
        returning=True,
        single=True,
    ),
    "clear": Statement("DELETE FROM buckets WHERE bucket = :bucket"),
    "sweep": Statement(
        """
        DELETE FROM buckets WHERE bucket IN (
            SELECT bucket FROM buckets WHERE empty_at_ms <= :now_ms ORDER BY empty_at_ms LIMIT :limit
        )
        """
    ),
    "remember_origin": Statement(
        """
        INSERT INTO known_origins (login_hash, origin_hash, seen_at) VALUES (:login_hash, :origin_hash, :at)
        ON CONFLICT (login_hash, origin_hash) DO UPDATE SET seen_at = excluded.seen_at
        """
    ),
    "origins": Statement(
        "SELECT seen_at FROM known_origins WHERE login_hash = :login_hash ORDER BY origin_hash LIMIT :limit"
    ),
    "forget_origins": Statement("DELETE FROM known_origins WHERE login_hash = :login_hash"),
    "sweep_origins": Statement(
        """
        DELETE FROM known_origins WHERE (login_hash, origin_hash) IN (
            SELECT login_hash, origin_hash FROM known_origins
            WHERE seen_at < :before ORDER BY seen_at LIMIT :limit
        )
        """
    ),
}
