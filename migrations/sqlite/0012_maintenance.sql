-- serves-from: 4
--
-- Whether nobody may write, and why (storage/grant.h, Maintenance). A server of a version before goes on writing.

-- Microseconds since the Unix epoch; NULL: there is no maintenance, and the others mean nothing.
ALTER TABLE auth_grants_version ADD COLUMN maintenance_since INTEGER;
ALTER TABLE auth_grants_version ADD COLUMN maintenance_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_grants_version ADD COLUMN maintenance_hold_ms INTEGER NOT NULL DEFAULT 0;
-- The sessions that may be written, in the form of auth_grants.scopes.
ALTER TABLE auth_grants_version ADD COLUMN maintenance_allowed TEXT NOT NULL DEFAULT '';
-- All that were since it began, in the same form: their leases may have been renewed.
ALTER TABLE auth_grants_version ADD COLUMN maintenance_opened TEXT NOT NULL DEFAULT '';
