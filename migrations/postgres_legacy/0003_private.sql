-- serves-from: 1
--
-- As migrations/postgres/0006_private.sql, for what stands beside the tables of others, which are not touched.
ALTER TABLE authstate.legacy_sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE authstate.legacy_schema_migrations ENABLE ROW LEVEL SECURITY;
