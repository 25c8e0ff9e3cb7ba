-- What is kept about one person is read by that person, and by whoever looks into one account.

CREATE INDEX audit_by_subject ON audit (subject, id);
