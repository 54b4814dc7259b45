-- A commit sent before this and sent again after it may be applied twice.
ALTER TABLE auth_sessions DROP COLUMN recent_commits;
