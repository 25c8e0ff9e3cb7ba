"""SQL of `accounts`. The columns stand in the order of `AccountRecord`."""

from tokenward.server.storage.queries.statement import Statement

STATEMENTS = {
    "find": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at, external_id
        FROM accounts WHERE sub = :sub
        """
    ),
    "find_by_login": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at, external_id
        FROM accounts WHERE email_folded = :login_folded OR username_folded = :login_folded
        """
    ),
    "find_by_external_id": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at, external_id
        FROM accounts WHERE external_id = :external_id
        """
    ),
    "page": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at, external_id
        FROM accounts WHERE sub > :after ORDER BY sub LIMIT :limit
        """
    ),
    # Two ranges of two unique indices. An account whose e-mail address and user name both fit is among the first only.
    "search_emails": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at, external_id
        FROM accounts
        WHERE email_folded >= :prefix AND email_folded < :beyond AND email_folded > :after
        ORDER BY email_folded LIMIT :limit
        """
    ),
    "search_usernames": Statement(
        """
        SELECT sub, email, email_folded, username, username_folded, name, password_hash, roles, cutoff,
               disabled_at, personal_key_wrapped, created_at, updated_at, external_id
        FROM accounts
        WHERE username_folded >= :prefix AND username_folded < :beyond AND username_folded > :after
          AND (email_folded IS NULL OR email_folded < :prefix OR email_folded >= :beyond)
        ORDER BY username_folded LIMIT :limit
        """
    ),
    # Both ask and change nothing: a unit that expects the row is refused where it is missing. Roles are written as
    # JSON without spaces, and none has a quote or a percent sign in its name, so that the quoted name is exact.
    "check_admin": Statement(
        """
        SELECT 1 FROM accounts WHERE sub = :sub AND disabled_at IS NULL AND roles LIKE '%"admin"%'
        """,
        returning=True,
    ),
    "check_any_admin": Statement(
        """
        SELECT 1 FROM accounts WHERE disabled_at IS NULL AND roles LIKE '%"admin"%' LIMIT 1
        """,
        returning=True,
    ),
    "insert": Statement(
        """
        INSERT INTO accounts (sub, email, email_folded, username, username_folded, name, password_hash, roles,
                              cutoff, disabled_at, personal_key_wrapped, created_at, updated_at, external_id)
        VALUES (:sub, :email, :email_folded, :username, :username_folded, :name, :password_hash, :roles,
                :cutoff, :disabled_at, :personal_key_wrapped, :created_at, :updated_at, :external_id)
        ON CONFLICT DO NOTHING
        """
    ),
    "set_password": Statement(
        "UPDATE accounts SET password_hash = :password_hash, updated_at = :at WHERE sub = :sub"
    ),
    # The cut-off was read before the old password was verified; whoever was faster has moved it.
    "change_password": Statement(
        """
        UPDATE accounts SET password_hash = :password_hash, cutoff = cutoff + 1, updated_at = :at
        WHERE sub = :sub AND cutoff = :cutoff AND disabled_at IS NULL
        """
    ),
    "reseal": Statement(
        """
        UPDATE accounts SET personal_key_wrapped = :fresh
        WHERE sub = :sub AND personal_key_wrapped = :stale
        """
    ),
    "delete": Statement(
        """
        DELETE FROM accounts
        WHERE sub = :sub AND COALESCE(username_folded, '') = COALESCE(:username_folded, '')
        """
    ),
    "rehash": Statement(
        "UPDATE accounts SET password_hash = :new_hash WHERE sub = :sub AND password_hash = :old_hash"
    ),
    "raise_cutoff": Statement(
        "UPDATE accounts SET cutoff = cutoff + 1 WHERE sub = :sub RETURNING cutoff", returning=True
    ),
    "set_disabled": Statement("UPDATE accounts SET disabled_at = :disabled_at WHERE sub = :sub"),
    "set_roles": Statement("UPDATE accounts SET roles = :roles, updated_at = :at WHERE sub = :sub"),
    "set_external_id": Statement(
        "UPDATE accounts SET external_id = :external_id, updated_at = :at WHERE sub = :sub"
    ),
    "set_profile": Statement(
        """
        UPDATE accounts
        SET name = COALESCE(:name, name), username = COALESCE(:username, username),
            username_folded = COALESCE(:username_folded, username_folded), updated_at = :at
        WHERE sub = :sub AND disabled_at IS NULL
        """
    ),
}
