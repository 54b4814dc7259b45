-- What some installations have on top of legacy_tables.sql: other types and collations, triggers, functions, and row level security
-- with a policy that allows everything. The role `app`, which does not own the tables, serves them.
ALTER TABLE whatsapp_auth ALTER COLUMN company_id TYPE varchar(50) COLLATE "und-x-icu";
ALTER TABLE whatsapp_keys
  ALTER COLUMN company_id TYPE varchar(50) COLLATE "und-x-icu",
  ALTER COLUMN key_type TYPE varchar(100) COLLATE "und-x-icu",
  ALTER COLUMN key_id TYPE text COLLATE "und-x-icu";

CREATE FUNCTION update_updated_at_column() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at = now();
  RETURN NEW;
END
$$;
CREATE TRIGGER update_whatsapp_auth_updated_at BEFORE UPDATE ON whatsapp_auth
  FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();
CREATE TRIGGER update_whatsapp_keys_updated_at BEFORE UPDATE ON whatsapp_keys
  FOR EACH ROW EXECUTE FUNCTION update_updated_at_column();

CREATE FUNCTION cleanup_expired_whatsapp_keys() RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  deleted integer;
BEGIN
  DELETE FROM whatsapp_keys WHERE expires_at IS NOT NULL AND expires_at < now();
  GET DIAGNOSTICS deleted = ROW_COUNT;
  RETURN deleted;
END
$$;
CREATE FUNCTION get_whatsapp_auth_stats() RETURNS TABLE (companies bigint, keys bigint) LANGUAGE sql AS $$
  SELECT (SELECT count(*) FROM whatsapp_auth), (SELECT count(*) FROM whatsapp_keys)
$$;

ALTER TABLE whatsapp_auth ENABLE ROW LEVEL SECURITY;
ALTER TABLE whatsapp_keys ENABLE ROW LEVEL SECURITY;
CREATE POLICY allow_all ON whatsapp_auth FOR ALL USING (true) WITH CHECK (true);
CREATE POLICY allow_all ON whatsapp_keys FOR ALL USING (true) WITH CHECK (true);

DO $$
BEGIN
  CREATE ROLE app LOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END
$$;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO app', current_database()); END $$;
GRANT SELECT, INSERT, UPDATE, DELETE ON whatsapp_auth, whatsapp_keys TO app;
