-- serves-from: 1
--
-- As migrations/postgres/0013_maintenance.sql: whether nobody may write, and why. Who writes whatsapp_auth and whatsapp_keys
-- without a server does not ask.
ALTER TABLE authstate.legacy_grants_version
  -- NULL: there is no maintenance, and the others mean nothing.
  ADD COLUMN maintenance_since timestamptz,
  ADD COLUMN maintenance_reason text NOT NULL DEFAULT '',
  ADD COLUMN maintenance_hold_ms bigint NOT NULL DEFAULT 0,
  -- The sessions that may be written, in the form of legacy_grants.scopes.
  ADD COLUMN maintenance_allowed text NOT NULL DEFAULT '',
  -- With what their ids begin; and those of all that were allowed since it began, whose leases may have been renewed.
  ADD COLUMN maintenance_prefixes text[] NOT NULL DEFAULT '{}',
  ADD COLUMN maintenance_opened text[] NOT NULL DEFAULT '{}';
