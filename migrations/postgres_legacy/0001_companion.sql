-- serves-from: 1
--
-- What authstate keeps beside whatsapp_auth and whatsapp_keys, which it neither makes nor changes (storage/postgres/legacy_statements.h
-- says how it is used).

-- One row a session that authstate has written: what auth_sessions is to the native layout, and `fingerprint`, the sum of the marks of
-- the session's rows in the two tables as the commits of authstate left them. Sessions without a row here have revision 0.
CREATE TABLE authstate.legacy_sessions (
  session_id text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL,
  present boolean NOT NULL,
  updated_at timestamptz NOT NULL,
  fingerprint numeric NOT NULL DEFAULT 0,
  recent_ids bigint[] NOT NULL DEFAULT '{}',
  recent_revisions bigint[] NOT NULL DEFAULT '{}',
  recent_times bigint[] NOT NULL DEFAULT '{}',
  barrier bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- The mark of one version of a row: of its key (both empty for the creds) and the transaction that wrote it. Whoever writes a row,
-- with the same value even, changes its mark.
CREATE FUNCTION authstate.legacy_mark(key_type text, key_id text, version bigint) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT hashtextextended((key_type || chr(1) || key_id || chr(1) || version::text) COLLATE "C", 0)::numeric
$$;

-- The bytes that a value counts for against a limit: those of a Buffer where it is written as one, else those of its text.
CREATE FUNCTION authstate.legacy_value_bytes(value jsonb) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE
    WHEN value->>'type' = 'Buffer' AND jsonb_typeof(value->'data') = 'string'
      THEN octet_length(rtrim(value->>'data', '=')) * 3 / 4
    WHEN value->>'type' = 'Buffer' AND jsonb_typeof(value->'data') = 'array' THEN jsonb_array_length(value->'data')
    ELSE octet_length(value::text) END::bigint
$$;

-- Undoes a commit that came upon a row which another program had made since the commit began; it is run again.
CREATE FUNCTION authstate.legacy_lost_race() RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'another program wrote the same row' USING ERRCODE = 'serialization_failure';
END
$$;
