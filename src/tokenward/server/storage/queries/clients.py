"""SQL of `clients`. The columns stand in the order of `ClientRecord`."""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "find": Statement(
        "SELECT client_id, cutoff, disabled_at, created_at FROM clients WHERE client_id = :client_id"
    ),
    "raise_cutoff": Statement("UPDATE clients SET cutoff = cutoff + 1 WHERE client_id = :client_id"),
    "raise_all_cutoffs": Statement("UPDATE clients SET cutoff = cutoff + 1"),
}
