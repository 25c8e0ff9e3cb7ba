-- Accounts, clients, sessions, keys, the log of revocations, the audit log, rate limits.
-- A table is WITHOUT ROWID where it is mostly read by its primary key and its rows are rarely rewritten.

CREATE TABLE accounts (
    sub TEXT NOT NULL PRIMARY KEY,
    email TEXT,
    -- An "@" tells the two apart: a login is looked up among both, and nobody may take another's address.
    email_folded TEXT UNIQUE CHECK (instr(email_folded, '@') > 0),
    username TEXT,
    username_folded TEXT UNIQUE CHECK (instr(username_folded, '@') = 0),
    name TEXT NOT NULL,
    password_hash TEXT,
    roles TEXT NOT NULL CHECK (json_type(roles) = 'array'),
    cutoff INTEGER NOT NULL,
    disabled_at INTEGER,
    personal_key_wrapped BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CHECK (email_folded IS NOT NULL OR username_folded IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE TABLE clients (
    client_id TEXT NOT NULL PRIMARY KEY,
    cutoff INTEGER NOT NULL,
    disabled_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The client of sign-ins at the server's own API.
INSERT INTO clients (client_id, cutoff, disabled_at, created_at) VALUES ('first-party', 0, NULL, 0);

-- With a rowid: every refresh rewrites a row, and a row of a plain table is overwritten where it lies.
CREATE TABLE sessions (
    sid BLOB NOT NULL PRIMARY KEY CHECK (length(sid) = 16),
    sub TEXT NOT NULL REFERENCES accounts (sub),
    client_id TEXT NOT NULL REFERENCES clients (client_id),
    scope TEXT NOT NULL,
    audience TEXT NOT NULL,
    salt BLOB NOT NULL CHECK (length(salt) = 16),
    key_number INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    rotated_at_ms INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    absolute_expires_at INTEGER NOT NULL,
    ended_at INTEGER,
    amr TEXT NOT NULL,
    auth_time INTEGER NOT NULL,
    account_cutoff INTEGER NOT NULL,
    client_cutoff INTEGER NOT NULL,
    network TEXT NOT NULL,
    agent TEXT NOT NULL,
    -- When the sweep looks at the row; a refresh leaves it alone, so that it costs no index.
    sweep_at INTEGER
) STRICT;

CREATE INDEX sessions_of_account ON sessions (sub, sid);
CREATE INDEX sessions_due ON sessions (sweep_at);

CREATE TRIGGER sessions_swept AFTER UPDATE OF sweep_at ON sessions WHEN NEW.sweep_at IS NULL
BEGIN
    DELETE FROM sessions WHERE sid = NEW.sid;
END;

CREATE TABLE keys (
    kid TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    alg TEXT NOT NULL,
    use TEXT NOT NULL CHECK (use IN ('access', 'id', 'feed', 'refresh')),
    state TEXT NOT NULL
        CHECK (state IN ('pending', 'active', 'retiring', 'retired', 'revoked', 'verify-only')),
    public_jwk TEXT,
    private_wrapped BLOB,
    created_at INTEGER NOT NULL,
    signs_from INTEGER,
    activated_at INTEGER,
    retiring_at INTEGER,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX keys_one_active ON keys (use, alg) WHERE state = 'active';

-- What the server holds in memory of the ring is as old as this number.
CREATE TABLE key_ring (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    revision INTEGER NOT NULL
) STRICT;

INSERT INTO key_ring (only_row, revision) VALUES (1, 0);

CREATE TRIGGER keys_inserted AFTER INSERT ON keys
BEGIN
    UPDATE key_ring SET revision = revision + 1;
END;

CREATE TRIGGER keys_updated AFTER UPDATE ON keys
BEGIN
    UPDATE key_ring SET revision = revision + 1;
END;

CREATE TRIGGER keys_deleted AFTER DELETE ON keys
BEGIN
    UPDATE key_ring SET revision = revision + 1;
END;

-- The head of the log: n is the highest number given, epoch * 2^40 + counter.
CREATE TABLE head (
    only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
    epoch INTEGER NOT NULL,
    n INTEGER NOT NULL CHECK (n >= epoch << 40),
    term INTEGER NOT NULL
) STRICT;

INSERT INTO head (only_row, epoch, n, term) VALUES (1, 0, 0, 0);

CREATE TABLE revocations (
    n INTEGER NOT NULL PRIMARY KEY,
    scope TEXT NOT NULL
        CHECK (scope IN ('token', 'session', 'key', 'subject', 'client', 'grant', 'audience', 'all')),
    value TEXT NOT NULL,
    drop_after INTEGER NOT NULL,
    reason TEXT NOT NULL,
    revoked_at INTEGER NOT NULL
) STRICT;

CREATE INDEX revocations_droppable ON revocations (drop_after) WHERE scope <> 'key';

CREATE TRIGGER revocations_numbered AFTER INSERT ON revocations
BEGIN
    UPDATE head SET n = NEW.n;
END;

-- AUTOINCREMENT: a cursor into the log must not meet an id a second time after a sweep.
CREATE TABLE audit (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    actor TEXT NOT NULL,
    subject TEXT NOT NULL,
    sid TEXT NOT NULL,
    request_id TEXT NOT NULL,
    detail TEXT NOT NULL CHECK (json_valid(detail)),
    personal_wrapped BLOB
) STRICT;

CREATE INDEX audit_by_time ON audit (at);

CREATE TABLE buckets (
    bucket BLOB NOT NULL PRIMARY KEY,
    empty_at_ms INTEGER NOT NULL,
    refill_ms INTEGER NOT NULL CHECK (refill_ms > 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX buckets_empty ON buckets (empty_at_ms);

CREATE TABLE known_origins (
    login_hash BLOB NOT NULL,
    origin_hash BLOB NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (login_hash, origin_hash)
) STRICT, WITHOUT ROWID;

CREATE INDEX known_origins_by_time ON known_origins (seen_at);
