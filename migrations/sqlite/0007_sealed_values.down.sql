-- Fails where a session is encrypted, which SQL cannot undo: export the sessions (authstatectl session export), delete them, and
-- import them once the older server runs.
CREATE TABLE auth_unsealed (kind INTEGER CHECK (kind < 7));
INSERT INTO auth_unsealed SELECT DISTINCT kind FROM auth_creds UNION SELECT DISTINCT kind FROM auth_keys;
DROP TABLE auth_unsealed;
DROP TABLE auth_keyring;
ALTER TABLE auth_sessions DROP COLUMN data_key;
