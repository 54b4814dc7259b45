-- serves-from: 2
--
-- Who may write a session (storage/lease.h), and the number of the last commit applied under its fence. A server of the
-- version before goes on, but knows no leases: stop the last one of them before relying on these.
ALTER TABLE auth_sessions ADD COLUMN fence INTEGER NOT NULL DEFAULT 0;
-- Empty: nobody.
ALTER TABLE auth_sessions ADD COLUMN lease_owner TEXT NOT NULL DEFAULT '';
-- Microseconds since the Unix epoch, and of the lease's whole length.
ALTER TABLE auth_sessions ADD COLUMN lease_expires_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE auth_sessions ADD COLUMN lease_ttl INTEGER NOT NULL DEFAULT 0;
ALTER TABLE auth_sessions ADD COLUMN applied_number INTEGER NOT NULL DEFAULT 0;
