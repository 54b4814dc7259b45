-- The roles of PostgREST in front of the application's tables: psql -f roles.sql, as the owner of the tables. May be run
-- again, as after a new table.
--
--   tables_gate  what PostgREST logs in as; it has no rights of its own, and becomes one of the other two
--   tables_app   who shows a token: rows of the application's tables, and nothing else
--   tables_anon  who shows none: nothing at all
--
-- Give tables_gate its password afterwards: \password tables_gate
BEGIN;

DO $$
DECLARE
  role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['tables_gate', 'tables_app', 'tables_anon'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
      EXECUTE format('CREATE ROLE %I NOINHERIT', role);
    END IF;
  END LOOP;
END
$$;
ALTER ROLE tables_gate LOGIN NOINHERIT CONNECTION LIMIT 30;
ALTER ROLE tables_app NOLOGIN;
ALTER ROLE tables_anon NOLOGIN;
GRANT tables_app, tables_anon TO tables_gate;

-- PostgREST sets these for each request, by the role that the request becomes. A call of @authstate/tables is given up after
-- 30 s, and tried again: the statement before it should have ended by then.
ALTER ROLE tables_app SET statement_timeout = '20s';
ALTER ROLE tables_app SET lock_timeout = '10s';
ALTER ROLE tables_app SET idle_in_transaction_session_timeout = '30s';
ALTER ROLE tables_anon SET statement_timeout = '2s';

GRANT USAGE ON SCHEMA public TO tables_app;

-- Every table and view of the application that is there now. One that is made later is closed until this is run again.
DO $$
DECLARE
  relation record;
BEGIN
  FOR relation IN
    SELECT c.oid, c.relname, c.relkind, c.relname ~ '^(auth|whatsapp)_' AS forbidden
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
      -- Partitions are reached through their table alone.
      AND NOT c.relispartition
  LOOP
    IF relation.forbidden THEN
      EXECUTE format('REVOKE ALL ON public.%I FROM tables_app, tables_anon, tables_gate', relation.relname);
    ELSIF relation.relkind = 'S' THEN
      EXECUTE format('GRANT USAGE ON SEQUENCE public.%I TO tables_app', relation.relname);
    ELSIF relation.relkind = 'm' THEN
      EXECUTE format('GRANT SELECT ON public.%I TO tables_app', relation.relname);
    ELSE
      EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON public.%I TO tables_app', relation.relname);
    END IF;
  END LOOP;
END
$$;

-- What others were given may reach further than what is given here. It is not taken from them, but said.
DO $$
DECLARE
  reached text;
BEGIN
  SELECT string_agg(what, ', ' ORDER BY what) INTO reached FROM (
    SELECT role || ' may read or write ' || c.oid::regclass AS what
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
      unnest(ARRAY['tables_app', 'tables_anon', 'tables_gate']) AS role
    WHERE c.relkind IN ('r', 'p', 'v', 'm') AND c.relname ~ '^(auth|whatsapp)_'
      AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema'
      AND has_schema_privilege(role, n.oid, 'USAGE')
      AND has_table_privilege(role, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE')
    UNION ALL
    SELECT 'tables_app may call ' || p.oid::regprocedure || ', which has the rights of ' || p.proowner::regrole
    FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef AND has_function_privilege('tables_app', p.oid, 'EXECUTE')
  ) AS found;
  IF reached IS NOT NULL THEN
    RAISE EXCEPTION 'not closed: %', reached
      USING HINT = 'Revoke it, mostly FROM PUBLIC, and run this again. Nothing was changed.';
  END IF;
END
$$;

COMMIT;
NOTIFY pgrst, 'reload schema';
