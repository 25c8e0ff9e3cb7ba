-- What administrators look for: who may administer, and what somebody did, or what happened how often.

CREATE INDEX accounts_admins ON accounts (sub) WHERE roles LIKE '%"admin"%' AND disabled_at IS NULL;
CREATE INDEX audit_by_actor ON audit (actor, at);
CREATE INDEX audit_by_event ON audit (event, at);
