-- A process that held a lease, and one that took it since, may then write side by side.
ALTER TABLE auth_sessions DROP COLUMN fence;
ALTER TABLE auth_sessions DROP COLUMN lease_owner;
ALTER TABLE auth_sessions DROP COLUMN lease_expires_at;
ALTER TABLE auth_sessions DROP COLUMN lease_ttl;
ALTER TABLE auth_sessions DROP COLUMN applied_number;
