-- serves-from: 5
--
-- Nobody but their owner reads these tables, nor any role that he does not name: with row level security, what has no policy
-- sees nothing. Whoever applies this also takes away the rights that others have, on Supabase by default privileges, and adds a
-- policy for the roles that are named (storage/postgres/table_access.h); so it does with every table that is made later.
ALTER TABLE auth_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_creds ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE auth_schema_migrations ENABLE ROW LEVEL SECURITY;
