-- serves-from: 5
--
-- What tells this store from all others, for those that serve some of its sessions elsewhere for a while (docs/databases.md). It
-- goes where the rows go: into a copy, a backup and a standby too.
ALTER TABLE auth_grants_version ADD COLUMN store_id uuid NOT NULL DEFAULT gen_random_uuid();
