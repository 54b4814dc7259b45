-- serves-from: 4
--
-- When a key was last written, in microseconds since the Unix epoch by the clock of the server. NULL: not since this, so it is not
-- known, and never old. A server of the version before, put back for a while, leaves the time of what it rewrites as it was: such a
-- key then looks older than it is (docs/schema.md says what follows).
ALTER TABLE auth_keys ADD COLUMN changed_at INTEGER;
