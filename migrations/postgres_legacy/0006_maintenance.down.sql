-- Ends the maintenance.
ALTER TABLE authstate.legacy_grants_version
  DROP COLUMN maintenance_since, DROP COLUMN maintenance_reason, DROP COLUMN maintenance_hold_ms, DROP COLUMN maintenance_allowed,
  DROP COLUMN maintenance_prefixes, DROP COLUMN maintenance_opened;
