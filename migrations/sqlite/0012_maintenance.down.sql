-- Ends the maintenance.
ALTER TABLE auth_grants_version DROP COLUMN maintenance_opened;
ALTER TABLE auth_grants_version DROP COLUMN maintenance_allowed;
ALTER TABLE auth_grants_version DROP COLUMN maintenance_hold_ms;
ALTER TABLE auth_grants_version DROP COLUMN maintenance_reason;
ALTER TABLE auth_grants_version DROP COLUMN maintenance_since;
