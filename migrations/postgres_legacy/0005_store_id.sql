-- serves-from: 1
--
-- As migrations/postgres/0012_store_id.sql: what tells this store from all others.
ALTER TABLE authstate.legacy_grants_version ADD COLUMN store_id uuid NOT NULL DEFAULT gen_random_uuid();
