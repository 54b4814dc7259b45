-- serves-from: 5
--
-- From here on a server with a keyring can hide the ids of keys: with a row in this table auth_keys.key_id holds keyed hashes,
-- and each value begins with its id (storage/sealing/hidden_names.h). The server that puts the row there has
-- auth_schema_migrations say that no version before this one may serve beside it (docs/encryption.md). Until then those go on.

-- The key of the hashes, wrapped as data keys are (storage/sealing/data_key.h). One row, or none.
CREATE TABLE auth_hidden_key_ids (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  wrapped bytea NOT NULL
);
ALTER TABLE auth_hidden_key_ids ENABLE ROW LEVEL SECURITY;
