"""SQL of `revocations`. The columns stand in the order of `RevocationRecord`."""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "after": Statement(
        """
        SELECT n, scope, value, drop_after, reason
        FROM revocations WHERE n > :n ORDER BY n LIMIT :limit
        """
    ),
    "newest": Statement(
        """
        SELECT n, scope, value, drop_after, reason, revoked_at
        FROM revocations WHERE n < :before_n AND (drop_after >= :living_at OR scope = 'key')
        ORDER BY n DESC LIMIT :limit
        """
    ),
    # A trigger moves the head to the number that was given. With one writer at a time, and the number given
    # inside its transaction, the order of numbers is the order of commits and there is no gap.
    "add": Statement(
        """
        INSERT INTO revocations (n, scope, value, drop_after, reason, revoked_at)
        SELECT head.n + 1, :scope, :value, :drop_after, :reason, :at FROM head
        RETURNING n
        """,
        returning=True,
    ),
    "begin_epoch": Statement("UPDATE head SET epoch = :epoch, n = :epoch << 40 WHERE epoch < :epoch"),
    "sweep": Statement(
        """
        DELETE FROM revocations
        WHERE n IN (
            SELECT n FROM revocations
            WHERE drop_after < :now AND scope <> 'key' ORDER BY drop_after LIMIT :limit
        )
        """
    ),
}
