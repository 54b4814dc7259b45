-- serves-from: 1
--
-- Sessions, their credentials and their keys, in the native layout. Every table is led by session_id, and nothing here needs
-- more than plain tables: no trigger, no sequence. Text compares by bytes (COLLATE "C").

-- One small row a session, rewritten by each of its commits. It stays when the session is deleted (present = false), so that
-- its revision never goes back. The room left in each page lets these updates stay there and touch no index (HOT).
CREATE TABLE auth_sessions (
  session_id text COLLATE "C" PRIMARY KEY,
  revision bigint NOT NULL,
  present boolean NOT NULL,
  updated_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- kind: 1 raw bytes, 2 JSON text (contract/value.h).
CREATE TABLE auth_creds (
  session_id text COLLATE "C" PRIMARY KEY,
  kind smallint NOT NULL,
  value bytea NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE auth_keys (
  session_id text COLLATE "C" NOT NULL,
  key_type text COLLATE "C" NOT NULL,
  key_id text COLLATE "C" NOT NULL,
  kind smallint NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (session_id, key_type, key_id)
) WITH (fillfactor = 80);

-- Values are key material, mostly random bytes in base64: the server would spend time on compressing them, again on every
-- rewrite, for little. EXTERNAL keeps them as they are, out of the row where they are long.
ALTER TABLE auth_creds ALTER COLUMN value SET STORAGE EXTERNAL;
ALTER TABLE auth_keys ALTER COLUMN value SET STORAGE EXTERNAL;
