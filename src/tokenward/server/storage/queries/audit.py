"""SQL of `audit`. The columns stand in the order of `AuditRecord`."""

from tokenward.server.storage.queries.statement import Statement

_COLUMNS = "at, event, actor, subject, sid, request_id, detail, personal_wrapped, id"
_EQUAL = "{0} = :{0}"
_EQUAL_OR_ANY = "(:{0} IS NULL OR {0} = :{0})"
_BY_TIME = ("(at, id) < (:before_at, :before_id)", "at DESC, id DESC")
# The index of an account's rows has them as they were written.
_BY_ID = ("id < :before_id", "id DESC")


def _newest(by: str) -> Statement:
    """The newest rows, found by the index of one filter; what is not asked for is NULL, and no index can serve that."""
    before, order = _BY_ID if by == "subject" else _BY_TIME
    terms = [(_EQUAL if name == by else _EQUAL_OR_ANY).format(name) for name in ("subject", "actor", "event")]
    return Statement(
        f"""
        SELECT {_COLUMNS} FROM audit
        WHERE at >= :since AND at < :until AND {before} AND {" AND ".join(terms)}
        ORDER BY {order} LIMIT :limit
        """  # noqa: S608 - of the texts above and nothing else
    )


STATEMENTS = {
    "newest": _newest("at"),
    "newest_of_subject": _newest("subject"),
    "newest_of_actor": _newest("actor"),
    "newest_of_event": _newest("event"),
    "page": Statement(
        """
        SELECT at, event, actor, subject, sid, request_id, detail, personal_wrapped, id
        FROM audit WHERE id > :after_id ORDER BY id LIMIT :limit
        """
    ),
    "page_of_subject": Statement(
        """
        SELECT at, event, actor, subject, sid, request_id, detail, personal_wrapped, id
        FROM audit WHERE subject = :subject AND id > :after_id ORDER BY id LIMIT :limit
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
