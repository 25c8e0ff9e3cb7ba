-- What an application calls the row of its own that belongs to an account.

ALTER TABLE accounts ADD COLUMN external_id TEXT CHECK (length(external_id) BETWEEN 1 AND 255);

CREATE UNIQUE INDEX accounts_by_external_id ON accounts (external_id) WHERE external_id IS NOT NULL;
