-- Takes everything with it: every session, its credentials and its keys.
DROP TABLE auth_keys, auth_creds, auth_sessions;
