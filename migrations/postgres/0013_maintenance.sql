-- serves-from: 5
--
-- Whether nobody may write, and why (storage/grant.h, Maintenance). A server of a version before goes on writing: stop the last
-- one of them before relying on this.
ALTER TABLE auth_grants_version
  -- NULL: there is no maintenance, and the others mean nothing.
  ADD COLUMN maintenance_since timestamptz,
  ADD COLUMN maintenance_reason text NOT NULL DEFAULT '',
  ADD COLUMN maintenance_hold_ms bigint NOT NULL DEFAULT 0,
  -- The sessions that may be written, in the form of auth_grants.scopes.
  ADD COLUMN maintenance_allowed text NOT NULL DEFAULT '',
  -- With what their ids begin; and those of all that were allowed since it began, whose leases may have been renewed.
  ADD COLUMN maintenance_prefixes text[] NOT NULL DEFAULT '{}',
  ADD COLUMN maintenance_opened text[] NOT NULL DEFAULT '{}';
