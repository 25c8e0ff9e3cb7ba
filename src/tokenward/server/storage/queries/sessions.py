"""SQL of `sessions`. The columns stand in the order of `SessionRecord`; `sweep_at` is known here only.

A row is due for a look by the sweep at `sweep_at`. A refresh moves `idle_expires_at` but not `sweep_at`:
keeping an index on what every refresh changes costs a third of all refreshes. The sweep finds the row by
its old date, and gives it a new one when it still lives.
"""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    # One statement, hence one snapshot: a token issued from it cannot escape a cut-off that it did not see.
    "find": Statement(
        """
        SELECT s.sid, s.sub, s.client_id, s.scope, s.audience, s.salt, s.key_number, s.generation,
               s.rotated_at_ms, s.created_at, s.last_seen_at, s.idle_expires_at, s.absolute_expires_at,
               s.ended_at, s.amr, s.auth_time, s.account_cutoff, s.client_cutoff, s.network, s.agent,
               a.cutoff, a.disabled_at, a.roles, c.cutoff, c.disabled_at, (SELECT n FROM head),
               (SELECT revision FROM key_ring)
        FROM sessions s
        JOIN accounts a ON a.sub = s.sub
        JOIN clients c ON c.client_id = s.client_id
        WHERE s.sid = :sid
        """
    ),
    # A client that was revoked takes its sessions along without a change to their rows; those of an account are ended.
    "page": Statement(
        """
        SELECT sid, sub, client_id, scope, audience, salt, key_number, generation, rotated_at_ms, created_at,
               last_seen_at, idle_expires_at, absolute_expires_at, ended_at, amr, auth_time, account_cutoff,
               client_cutoff, network, agent
        FROM sessions
        WHERE sid > :after AND ended_at IS NULL
          AND idle_expires_at > :living_at AND absolute_expires_at > :living_at
          AND EXISTS (SELECT 1 FROM clients c
                      WHERE c.client_id = sessions.client_id AND c.cutoff = sessions.client_cutoff)
        ORDER BY sid LIMIT :limit
        """
    ),
    "page_of_account": Statement(
        """
        SELECT sid, sub, client_id, scope, audience, salt, key_number, generation, rotated_at_ms, created_at,
               last_seen_at, idle_expires_at, absolute_expires_at, ended_at, amr, auth_time, account_cutoff,
               client_cutoff, network, agent
        FROM sessions
        WHERE sub = :sub AND sid > :after
          AND (:living_at IS NULL
               OR ended_at IS NULL AND idle_expires_at > :living_at AND absolute_expires_at > :living_at
                  AND EXISTS (SELECT 1 FROM clients c
                              WHERE c.client_id = sessions.client_id AND c.cutoff = sessions.client_cutoff))
        ORDER BY sid LIMIT :limit
        """
    ),
    # A slice at a time, so that nobody waits while a big table is counted. No index serves this: one on a column that
    # a refresh writes would cost every refresh.
    "slice_of_key": Statement(
        """
        SELECT sid,
               CASE WHEN key_number = :key_number AND ended_at IS NULL
                         AND idle_expires_at > :living_at AND absolute_expires_at > :living_at
                    THEN 1 ELSE 0 END
        FROM sessions WHERE sid > :after ORDER BY sid LIMIT :limit
        """
    ),
    "insert": Statement(
        """
        INSERT INTO sessions (sid, sub, client_id, scope, audience, salt, key_number, generation,
        rotated_at_ms,
                              created_at, last_seen_at, idle_expires_at, absolute_expires_at, ended_at, amr,
                              auth_time, account_cutoff, client_cutoff, network, agent, sweep_at)
        SELECT :sid, a.sub, c.client_id, :scope, :audience, :salt, :key_number, :generation, :rotated_at_ms,
               :created_at, :last_seen_at, :idle_expires_at, :absolute_expires_at, :ended_at, :amr,
               :auth_time, a.cutoff, c.cutoff, :network, :agent,
               CASE WHEN :idle_expires_at < :absolute_expires_at
                    THEN :idle_expires_at ELSE :absolute_expires_at END
        FROM accounts a, clients c
        WHERE a.sub = :sub AND a.cutoff = :account_cutoff AND a.disabled_at IS NULL
          AND c.client_id = :client_id AND c.cutoff = :client_cutoff AND c.disabled_at IS NULL
        RETURNING (SELECT n FROM head)
        """,
        returning=True,
        single=True,
    ),
    "rotate": Statement(
        """
        UPDATE sessions
        SET generation = generation + 1, key_number = :key_number, rotated_at_ms = :rotated_at_ms,
            last_seen_at = :last_seen_at, idle_expires_at = :idle_expires_at, network = :network,
            agent = :agent
        WHERE sid = :sid AND generation = :generation AND ended_at IS NULL
          AND idle_expires_at > :now AND absolute_expires_at > :now
          AND account_cutoff = :account_cutoff AND client_cutoff = :client_cutoff
          AND EXISTS (SELECT 1 FROM accounts a
                      WHERE a.sub = sessions.sub AND a.cutoff = sessions.account_cutoff
                        AND a.disabled_at IS NULL)
          AND EXISTS (SELECT 1 FROM clients c
                      WHERE c.client_id = sessions.client_id AND c.cutoff = sessions.client_cutoff
                        AND c.disabled_at IS NULL)
        RETURNING (SELECT n FROM head)
        """,
        returning=True,
        single=True,
    ),
    "end": Statement(
        """
        UPDATE sessions SET ended_at = :ended_at, sweep_at = :ended_at
        WHERE sid = :sid AND ended_at IS NULL
          AND (:rotated_at_ms IS NULL OR rotated_at_ms = :rotated_at_ms)
        """
    ),
    "end_all_of_account": Statement(
        "UPDATE sessions SET ended_at = :ended_at, sweep_at = :ended_at WHERE sub = :sub AND ended_at IS NULL"
    ),
    "end_others_of_account": Statement(
        """
        UPDATE sessions SET ended_at = :ended_at, sweep_at = :ended_at
        WHERE sub = :sub AND sid <> :sid AND ended_at IS NULL
        """
    ),
    "delete_all_of_account": Statement("DELETE FROM sessions WHERE sub = :sub"),
    # The session must hold the cut-off just before the new one: one that was cut off earlier (a thief's, say)
    # must not be revived by this change. Its generation moves on, so that after the rotation that follows the token
    # of before is two behind: a thief's copy of it must not count as a retry of that rotation.
    "adopt_cutoff": Statement(
        """
        UPDATE sessions SET account_cutoff = :account_cutoff, generation = generation + 1
        WHERE sid = :sid AND ended_at IS NULL AND account_cutoff = :account_cutoff - 1
          AND EXISTS (SELECT 1 FROM accounts a
                      WHERE a.sub = sessions.sub AND a.cutoff = :account_cutoff AND a.disabled_at IS NULL)
        RETURNING (SELECT n FROM head)
        """,
        returning=True,
    ),
    "adopt_cutoff_of_others": Statement(
        """
        UPDATE sessions SET account_cutoff = :account_cutoff
        WHERE sub = :sub AND sid <> :sid AND ended_at IS NULL AND account_cutoff = :account_cutoff - 1
          AND EXISTS (SELECT 1 FROM accounts a
                      WHERE a.sub = sessions.sub AND a.cutoff = :account_cutoff AND a.disabled_at IS NULL)
        """
    ),
    # An ended session is due at its end, so one that is due here has ended before. A trigger deletes the
    # rows whose `sweep_at` becomes NULL. One statement both deletes and puts off, so that rows which live
    # on cannot pile up at the front of the index and hide dead ones behind them.
    "sweep": Statement(
        """
        UPDATE sessions
        SET sweep_at = CASE
            WHEN ended_at < :before OR idle_expires_at < :before OR absolute_expires_at < :before THEN NULL
            WHEN idle_expires_at < absolute_expires_at THEN idle_expires_at
            ELSE absolute_expires_at END
        WHERE sid IN (SELECT sid FROM sessions WHERE sweep_at < :before ORDER BY sweep_at LIMIT :limit)
        """
    ),
}
