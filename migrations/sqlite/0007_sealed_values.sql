-- serves-from: 4
--
-- From here on a server with a keyring can encrypt: a session whose row has a data key has its values under kinds 7 to 10
-- (storage/sealing/sealed_value.h), all others have theirs as ever. When the first server with a keyring opens the store it has
-- auth_schema_migrations say that no version before this one may serve beside it (docs/encryption.md). Until then those go on.

-- The key of the session's values, wrapped under a key that is not in the database (storage/sealing/data_key.h).
ALTER TABLE auth_sessions ADD COLUMN data_key BLOB;

-- The keys that data keys are, or may be, wrapped under: their ids, and what tells each from another one of its id.
CREATE TABLE auth_keyring (
  key_id TEXT PRIMARY KEY NOT NULL,
  key_check BLOB NOT NULL
) STRICT;
