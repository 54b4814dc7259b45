ALTER TABLE auth_homes DROP COLUMN far_updated_at;
ALTER TABLE auth_homes DROP COLUMN since;
ALTER TABLE auth_near_store DROP COLUMN far_layout;
