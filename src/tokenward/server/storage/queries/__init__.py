"""Every SQL statement of the server, once for all engines, by the name that stores and changes use.

The SQL keeps to what SQLite and PostgreSQL share: `RETURNING`, `ON CONFLICT`, integers for time and truth,
text for JSON. Where a hot statement needs one text for each engine, the engine replaces that name in its
own table.
"""

from collections.abc import Mapping
from types import MappingProxyType

from tokenward.server.storage.queries import (
    accounts,
    audit,
    clients,
    keys,
    rate_limits,
    revocations,
    sessions,
)
from tokenward.server.storage.queries.statement import Statement

__all__ = ["STATEMENTS", "Statement"]

STATEMENTS: Mapping[str, Statement] = MappingProxyType(
    {
        f"{store}.{name}": statement
        for store, statements in {
            "accounts": accounts.STATEMENTS,
            "audit": audit.STATEMENTS,
            "clients": clients.STATEMENTS,
            "keys": keys.STATEMENTS,
            "rate_limits": rate_limits.STATEMENTS,
            "revocations": revocations.STATEMENTS,
            "sessions": sessions.STATEMENTS,
        }.items()
        for name, statement in statements.items()
    }
)
"""All statements, as `store.name`."""
