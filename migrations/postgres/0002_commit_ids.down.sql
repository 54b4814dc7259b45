-- A commit sent before this and sent again after it may be applied twice.
ALTER TABLE auth_sessions
  DROP COLUMN recent_ids, DROP COLUMN recent_revisions, DROP COLUMN recent_times, DROP COLUMN barrier;
