-- Fails where the ids of keys are hidden, which SQL cannot undo: bring the sessions to another store (docs/encryption.md).
CREATE TABLE auth_shown (one INTEGER CHECK (one = 0));
INSERT INTO auth_shown SELECT one FROM auth_hidden_key_ids;
DROP TABLE auth_shown;
DROP TABLE auth_hidden_key_ids;
