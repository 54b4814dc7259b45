#ifndef AUTHSTATE_STORAGE_POSTGRES_LEGACY_SCHEMA_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_LEGACY_SCHEMA_STATEMENTS_H_

// The SQL over the schema of the legacy layout: what remembers its migrations, and whether its rows can be seen.
namespace authstate::storage::legacy_statements {

// Beside the companion, in a schema of its own, which is named everywhere: the search path may lead elsewhere.
inline constexpr char kHasSchema[] = "SELECT to_regclass('authstate.legacy_schema_migrations') IS NOT NULL";
inline constexpr char kAppliedMigrations[] =
    "SELECT version, checksum, serves_from FROM authstate.legacy_schema_migrations ORDER BY version";
inline constexpr char kCreateMigrationsTable[] = R"sql(
CREATE SCHEMA IF NOT EXISTS authstate;
CREATE TABLE IF NOT EXISTS authstate.legacy_schema_migrations (
  version int PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  serves_from int NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
))sql";
inline constexpr char kLockMigrationsTable[] = "LOCK TABLE authstate.legacy_schema_migrations IN EXCLUSIVE MODE";
inline constexpr char kRecordMigration[] =
    "INSERT INTO authstate.legacy_schema_migrations (version, name, checksum, serves_from) "
    "VALUES ($1::int8, $2::text, $3::text, $4::int8)";
inline constexpr char kForgetMigration[] = "DELETE FROM authstate.legacy_schema_migrations WHERE version = $1::int8";

// The tables of which row level security may hide rows from this role: it applies, and no policy lets the role see and
// write all of them, or a restrictive one takes some away.
inline constexpr char kHiddenRows[] = R"sql(
WITH policy AS (
  SELECT p.polrelid, p.polpermissive, p.polcmd,
         coalesce(pg_get_expr(p.polqual, p.polrelid), 'true') = 'true'
           AND coalesce(pg_get_expr(p.polwithcheck, p.polrelid), 'true') = 'true' AS allows_all
  FROM pg_policy p
  WHERE EXISTS (
    SELECT FROM unnest(p.polroles) AS r(role)
    WHERE r.role = 0 OR pg_has_role(current_user, r.role, 'USAGE'))
)
SELECT c.relname
FROM pg_class c
WHERE c.oid IN (to_regclass('whatsapp_auth'), to_regclass('whatsapp_keys'))
  AND row_security_active(c.oid)
  AND (EXISTS (SELECT FROM policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive AND NOT p.allows_all)
       OR EXISTS (
         SELECT FROM (VALUES ('r'), ('a'), ('w'), ('d')) AS command(letter)
         WHERE NOT EXISTS (
           SELECT FROM policy p
           WHERE p.polrelid = c.oid AND p.polpermissive AND p.allows_all
             AND p.polcmd::text IN ('*', command.letter))))
ORDER BY c.relname)sql";

}  // namespace authstate::storage::legacy_statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_LEGACY_SCHEMA_STATEMENTS_H_
