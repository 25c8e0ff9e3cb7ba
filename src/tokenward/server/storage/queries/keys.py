"""SQL of `keys`. The columns stand in the order of `KeyRecord`. Triggers move `key_ring.revision`."""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "all": Statement(
        """
        SELECT kid, number, alg, use, state, public_jwk, private_wrapped, created_at, signs_from,
               activated_at, retiring_at, retired_at
        FROM keys ORDER BY number
        """
    ),
    "insert": Statement(
        """
        INSERT INTO keys (kid, number, alg, use, state, public_jwk, private_wrapped, created_at, signs_from,
                          activated_at, retiring_at, retired_at)
        VALUES (:kid, :number, :alg, :use, :state, :public_jwk, :private_wrapped, :created_at, :signs_from,
                :activated_at, :retiring_at, :retired_at)
        """
    ),
    "move": Statement(
        """
        UPDATE keys
        SET state = :to_state,
            private_wrapped = CASE WHEN :erase_private = 1 THEN NULL ELSE private_wrapped END,
            activated_at = CASE WHEN :to_state = 'active' THEN :at ELSE activated_at END,
            retiring_at = CASE WHEN :to_state IN ('retiring', 'verify-only') THEN :at ELSE retiring_at END,
            retired_at = CASE WHEN :to_state IN ('retired', 'revoked') THEN :at ELSE retired_at END
        WHERE kid = :kid AND state = :from_state
        """
    ),
    "rewrap": Statement(
        """
        UPDATE keys SET private_wrapped = :private_wrapped
        WHERE kid = :kid AND private_wrapped IS NOT NULL
        """
    ),
}
