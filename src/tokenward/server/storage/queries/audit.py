"""SQL of `audit`. The columns stand in the order of `AuditRecord`."""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "page": Statement(
        """
        SELECT at, event, actor, subject, sid, request_id, detail, personal_wrapped, id
        FROM audit WHERE id > :after_id ORDER BY id LIMIT :limit
        """
    ),
    "newest_at": Statement("SELECT at FROM audit ORDER BY id DESC LIMIT 1"),
    "add": Statement(
        """
        INSERT INTO audit (at, event, actor, subject, sid, request_id, detail, personal_wrapped)
        VALUES (:at, :event, :actor, :subject, :sid, :request_id, :detail, :personal_wrapped)
        RETURNING id
        """,
        returning=True,
    ),
    "sweep": Statement(
        """
        DELETE FROM audit
        WHERE id IN (SELECT id FROM audit WHERE at < :before ORDER BY at LIMIT :limit)
        """
    ),
}
