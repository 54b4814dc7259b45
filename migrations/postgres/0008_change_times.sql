-- serves-from: 5
--
-- When a key was last written, by the clock of the database. NULL: not since this, so it is not known, and never old. A server of
-- a version before that writes beside a later one leaves the time of what it rewrites as it was: such a key looks older than it is
-- until it is written again (docs/schema.md says what follows).
ALTER TABLE auth_keys ADD COLUMN changed_at timestamptz;
