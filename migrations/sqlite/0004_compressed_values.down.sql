-- Fails where a value is compressed, which SQL cannot undo: export the sessions (authstatectl session export), delete them, and
-- import them once the older server runs.
CREATE TABLE auth_uncompressed (kind INTEGER CHECK (kind < 3));
INSERT INTO auth_uncompressed SELECT DISTINCT kind FROM auth_creds UNION SELECT DISTINCT kind FROM auth_keys;
DROP TABLE auth_uncompressed;
