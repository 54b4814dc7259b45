-- Fails where a value has a patch, which SQL cannot apply: export the sessions (authstatectl session export), delete them, and
-- import them once the older server runs.
CREATE TABLE auth_unpatched (kind smallint CHECK (kind < 5));
INSERT INTO auth_unpatched SELECT DISTINCT kind FROM auth_keys;
DROP TABLE auth_unpatched;
ALTER TABLE auth_keys DROP COLUMN patch;
COMMENT ON COLUMN auth_keys.kind IS '1 raw bytes, 2 JSON text; 3 raw bytes, 4 JSON text, compressed';
