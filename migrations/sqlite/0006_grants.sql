-- serves-from: 4
--
-- Who may do what (storage/grant.h). A server of a version before goes on, but asks no caller for a token: stop the last one of
-- them before relying on these.

-- Times are microseconds since the Unix epoch; NULL: never. `scopes`, and what the row is checked by: storage/grants/grant_row.h.
CREATE TABLE auth_grants (
  grant_id TEXT PRIMARY KEY NOT NULL,
  label TEXT NOT NULL,
  -- Empty: a token.
  certificate_name TEXT NOT NULL,
  -- A sum of 1 read, 2 write, 4 steal, 8 admin.
  rights INTEGER NOT NULL,
  scopes TEXT NOT NULL,
  terms_checksum BLOB NOT NULL,
  verifier BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) STRICT, WITHOUT ROWID;

-- One row. Grows with every change of the grants but their last use, so that who knows them can tell that they are the same.
CREATE TABLE auth_grants_version (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  version INTEGER NOT NULL
) STRICT;
INSERT INTO auth_grants_version VALUES (1, 0);
