-- A process that held a lease, and one that took it since, may then write side by side.
ALTER TABLE authstate.legacy_sessions
  DROP COLUMN fence, DROP COLUMN lease_owner, DROP COLUMN lease_expires_at, DROP COLUMN applied_number;
