-- serves-from: 5
--
-- Who may do what (storage/grant.h). A server of a version before goes on, but asks no caller for a token: stop the last one of
-- them before relying on these.

-- `scopes`, and what the row is checked by: storage/grants/grant_row.h.
CREATE TABLE auth_grants (
  grant_id text COLLATE "C" PRIMARY KEY,
  label text NOT NULL,
  -- Empty: a token.
  certificate_name text NOT NULL,
  -- A sum of 1 read, 2 write, 4 steal, 8 admin.
  rights smallint NOT NULL,
  scopes text NOT NULL,
  terms_checksum bytea NOT NULL,
  verifier bytea NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz
);

-- One row. Grows with every change of the grants but their last use, so that who knows them can tell that they are the same; and
-- who changes them holds it to the end, so that a greater version has all that a smaller one has.
CREATE TABLE auth_grants_version (
  one boolean PRIMARY KEY CHECK (one),
  version bigint NOT NULL
);
INSERT INTO auth_grants_version VALUES (true, 0);

ALTER TABLE auth_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_grants_version ENABLE ROW LEVEL SECURITY;
