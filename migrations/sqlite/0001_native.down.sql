-- Takes everything with it: every session, its credentials and its keys.
DROP TABLE auth_keys;
DROP TABLE auth_creds;
DROP TABLE auth_sessions;
