-- serves-from: 5
--
-- A session knows what it has: the sum over the names of its creds and keys, as long as names_revision is its revision. A server
-- of a version before moves the revision alone; then the next commit of a later one counts what is there.
ALTER TABLE auth_sessions ADD COLUMN names bigint;
ALTER TABLE auth_sessions ADD COLUMN names_revision bigint;
