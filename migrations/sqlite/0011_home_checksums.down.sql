ALTER TABLE auth_changes DROP COLUMN checksum;
ALTER TABLE auth_homes DROP COLUMN checksum;
ALTER TABLE auth_homes DROP COLUMN changes;
