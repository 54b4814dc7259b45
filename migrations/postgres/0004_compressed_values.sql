-- serves-from: 4
--
-- From here on long values are compressed where they shrink (storage/packed_value.h). A server of a version before reads none of
-- those, and says so: stop the last one of them first.
COMMENT ON COLUMN auth_creds.kind IS '1 raw bytes, 2 JSON text; 3 raw bytes, 4 JSON text, compressed';
COMMENT ON COLUMN auth_keys.kind IS '1 raw bytes, 2 JSON text; 3 raw bytes, 4 JSON text, compressed';
