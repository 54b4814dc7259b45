-- serves-from: 5
--
-- From here on a long value that is rewritten with small changes is kept as it was, and beside it what has changed
-- (storage/value_patch.h). A server of a version before reads none of those, and says so: stop the last one of them first.
ALTER TABLE auth_keys ADD COLUMN patch bytea;
ALTER TABLE auth_keys ALTER COLUMN patch SET STORAGE EXTERNAL;
COMMENT ON COLUMN auth_keys.kind IS
  '1 raw bytes, 2 JSON text; 3 raw bytes, 4 JSON text, compressed; 5 raw bytes, 6 JSON text, compressed, with a patch';
