-- serves-from: 1
--
-- What makes a commit exactly-once, and a commit in doubt resolvable (storage/postgres/commit_resolution.h). Defaults throughout:
-- a server of the version before reads and writes these rows as ever.

-- The last eight commits of the session that had an id, newest first: their ids, the revisions they led to, and when they ran, in
-- microseconds since the Unix epoch by the clock of the database.
ALTER TABLE auth_sessions
  ADD COLUMN recent_ids bigint[] NOT NULL DEFAULT '{}',
  ADD COLUMN recent_revisions bigint[] NOT NULL DEFAULT '{}',
  ADD COLUMN recent_times bigint[] NOT NULL DEFAULT '{}',
-- Raised by whoever resolves a commit in doubt: a commit whose statement began before that passes no more.
  ADD COLUMN barrier bigint NOT NULL DEFAULT 0;
