-- serves-from: 5
--
-- From here on a server with a keyring can encrypt: a session whose row has a data key has its values under kinds 7 to 10
-- (storage/sealing/sealed_value.h), all others have theirs as ever. When the first server with a keyring opens the store it has
-- auth_schema_migrations say that no version before this one may serve beside it (docs/encryption.md). Until then those go on.

-- The key of the session's values, wrapped under a key that is not in the database (storage/sealing/data_key.h).
ALTER TABLE auth_sessions ADD COLUMN data_key bytea;

-- The keys that data keys are, or may be, wrapped under: their ids, and what tells each from another one of its id.
CREATE TABLE auth_keyring (
  key_id text COLLATE "C" PRIMARY KEY,
  key_check bytea NOT NULL
);
ALTER TABLE auth_keyring ENABLE ROW LEVEL SECURITY;

COMMENT ON COLUMN auth_creds.kind IS '1 raw bytes, 2 JSON text; 3 raw bytes, 4 JSON text, compressed; 7 and 8 the same, encrypted';
COMMENT ON COLUMN auth_keys.kind IS
  '1 raw bytes, 2 JSON text; 3 raw bytes, 4 JSON text, compressed; 5 raw bytes, 6 JSON text, compressed, with a patch; 7 to 10 the same, encrypted';
