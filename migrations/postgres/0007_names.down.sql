-- What has vanished from the tables is then absent, and not damage.
ALTER TABLE auth_sessions DROP COLUMN names;
ALTER TABLE auth_sessions DROP COLUMN names_revision;
