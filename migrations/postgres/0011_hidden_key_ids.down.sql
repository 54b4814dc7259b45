-- Fails where the ids of keys are hidden, which SQL cannot undo: bring the sessions to another database (docs/encryption.md).
CREATE TABLE auth_shown (one boolean CHECK (NOT one));
INSERT INTO auth_shown SELECT one FROM auth_hidden_key_ids;
DROP TABLE auth_shown;
DROP TABLE auth_hidden_key_ids;
