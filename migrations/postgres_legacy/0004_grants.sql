-- serves-from: 1
--
-- As migrations/postgres/0009_grants.sql: who may do what (storage/grant.h). A server of a version before goes on, but asks no
-- caller for a token; and none of this keeps anybody from whatsapp_auth and whatsapp_keys who reads them without a server.
CREATE TABLE authstate.legacy_grants (
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

CREATE TABLE authstate.legacy_grants_version (
  one boolean PRIMARY KEY CHECK (one),
  version bigint NOT NULL
);
INSERT INTO authstate.legacy_grants_version VALUES (true, 0);

ALTER TABLE authstate.legacy_grants ENABLE ROW LEVEL SECURITY;
ALTER TABLE authstate.legacy_grants_version ENABLE ROW LEVEL SECURITY;
