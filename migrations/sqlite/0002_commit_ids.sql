-- serves-from: 1
--
-- The last commits of the session that had an id, newest first: 16 bytes each (storage/recent_commits.h).
ALTER TABLE auth_sessions ADD COLUMN recent_commits BLOB NOT NULL DEFAULT x'';
