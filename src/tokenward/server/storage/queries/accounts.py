"""SQL of `accounts`. The columns stand in the order of `AccountRecord`."""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "find": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at
        FROM accounts WHERE sub = :sub
        """
    ),
    "find_by_login": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at
        FROM accounts WHERE email_folded = :login_folded OR username_folded = :login_folded
        """
    ),
    "page": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at
        FROM accounts WHERE sub > :after ORDER BY sub LIMIT :limit
        """
    ),
    "insert": Statement(
        """
        INSERT INTO accounts (sub, email, email_folded, username, username_folded, name, password_hash, roles,
                              cutoff, disabled_at, personal_key_wrapped, created_at, updated_at)
        VALUES (:sub, :email, :email_folded, :username, :username_folded, :name, :password_hash, :roles,
                :cutoff, :disabled_at, :personal_key_wrapped, :created_at, :updated_at)
        ON CONFLICT DO NOTHING
        """
    ),
    "set_password": Statement(
        "UPDATE accounts SET password_hash = :password_hash, updated_at = :at WHERE sub = :sub"
    ),
    "rehash": Statement(
        "UPDATE accounts SET password_hash = :new_hash WHERE sub = :sub AND password_hash = :old_hash"
    ),
    "raise_cutoff": Statement(
        "UPDATE accounts SET cutoff = cutoff + 1 WHERE sub = :sub RETURNING cutoff", returning=True
    ),
    "set_disabled": Statement("UPDATE accounts SET disabled_at = :disabled_at WHERE sub = :sub"),
    "set_roles": Statement("UPDATE accounts SET roles = :roles, updated_at = :at WHERE sub = :sub"),
    "set_profile": Statement(
        """
        UPDATE accounts
        SET name = COALESCE(:name, name), username = COALESCE(:username, username),
            username_folded = COALESCE(:username_folded, username_folded), updated_at = :at
        WHERE sub = :sub AND disabled_at IS NULL
        """
    ),
}
