-- serves-from: 1
--
-- Sessions, their credentials and their keys. Text compares by bytes (SQLite's BINARY, the default).

-- One small row a session, written by each of its commits. It stays when the session is deleted (present = 0), so that
-- its revision never goes back.
CREATE TABLE auth_sessions (
  session_id TEXT PRIMARY KEY NOT NULL,
  revision INTEGER NOT NULL,
  present INTEGER NOT NULL,
  -- Microseconds since the Unix epoch.
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- kind: 1 raw bytes, 2 JSON text (contract/value.h).
CREATE TABLE auth_creds (
  session_id TEXT PRIMARY KEY NOT NULL,
  kind INTEGER NOT NULL,
  value BLOB NOT NULL
) STRICT;

-- A table with row ids: values reach megabytes, which the key's own tree should not carry.
CREATE TABLE auth_keys (
  session_id TEXT NOT NULL,
  key_type TEXT NOT NULL,
  key_id TEXT NOT NULL,
  kind INTEGER NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (session_id, key_type, key_id)
) STRICT;
