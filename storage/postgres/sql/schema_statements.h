#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_SCHEMA_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_SCHEMA_STATEMENTS_H_

// The SQL that looks at, and locks, the schema of either layout; each within one transaction, and without state beyond.
namespace authstate::storage::schema_statements {

inline constexpr char kBegin[] = "BEGIN";

// $1: milliseconds. For this transaction alone.
inline constexpr char kLockTimeout[] = "SELECT set_config('lock_timeout', $1::text, true)";
// How long each statement of the transaction may take, $1 milliseconds. But not its end: that may wait for a standby,
// and a wait that is cut short is reported as if the standby had it all.
inline constexpr char kStatementTimeout[] = "SELECT set_config('statement_timeout', $1::text, true)";
inline constexpr char kEnd[] = "SET LOCAL statement_timeout = 0; COMMIT";

// The files of migrations/postgres name no schema: what they make and change is in $1, for this transaction alone.
inline constexpr char kEnterSchema[] = "SELECT set_config('search_path', $1::text, true)";

inline constexpr char kServerEncoding[] = "SHOW server_encoding";

// Whether there is a table $1.
inline constexpr char kHasTable[] = "SELECT to_regclass($1::text) IS NOT NULL";

// What remembers the migrations. `schema_migrations` stands for its name, which each layout puts there.
inline constexpr char kApplied[] = "SELECT version, checksum, serves_from FROM schema_migrations ORDER BY version";
// IF NOT EXISTS would want the right to make a schema also where there is one.
inline constexpr char kCreateOwnSchema[] =
    "DO $$ BEGIN IF to_regnamespace('authstate') IS NULL THEN CREATE SCHEMA authstate; END IF; END $$; ";
inline constexpr char kCreateTable[] = R"sql(
CREATE TABLE IF NOT EXISTS schema_migrations (
  version int PRIMARY KEY,
  name text NOT NULL,
  checksum text NOT NULL,
  serves_from int NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
))sql";
inline constexpr char kLock[] = "LOCK TABLE schema_migrations IN EXCLUSIVE MODE";
inline constexpr char kRecord[] =
    "INSERT INTO schema_migrations (version, name, checksum, serves_from) "
    "VALUES ($1::int8, $2::text, $3::text, $4::int8)";
inline constexpr char kForget[] = "DELETE FROM schema_migrations WHERE version = $1::int8";

// Which tables there are: whether those of the native layout are in the schema `authstate`; the schema, as SQL writes
// it, that has them elsewhere, where the search path leads or in `public`, and whether it has what remembers their
// migrations; whether whatsapp_auth and whatsapp_keys are there.
inline constexpr char kTablesPresent[] = R"sql(
SELECT coalesce(to_regclass('authstate.auth_schema_migrations'), to_regclass('authstate.auth_sessions')) IS NOT NULL,
       elsewhere.home, coalesce(elsewhere.remembers, false),
       to_regclass('whatsapp_auth') IS NOT NULL, to_regclass('whatsapp_keys') IS NOT NULL
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (
  SELECT quote_ident(n.nspname) AS home, place < 3 AS remembers
  FROM unnest(ARRAY[to_regclass('auth_schema_migrations'), to_regclass('public.auth_schema_migrations'),
                    to_regclass('auth_sessions'), to_regclass('public.auth_sessions')]) WITH ORDINALITY AS t(id, place)
    JOIN pg_class c ON c.oid = t.id
    JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname <> 'authstate'
  ORDER BY place
  LIMIT 1) AS elsewhere ON true)sql";

// `schema verify` makes a second set of the tables: those of the native layout in a schema of this name; those of the
// legacy layout, whose files name their schema, where they belong, once that is renamed. Nobody else sees either, as
// the transaction is undone.
inline constexpr char kVerificationSchema[] = "authstate_verification";
inline constexpr char kCreateVerificationSchema[] = "CREATE SCHEMA authstate_verification";
inline constexpr char kSetAsideLegacy[] = "ALTER SCHEMA authstate RENAME TO authstate_set_aside";

// What there is in the schema that holds the table $1: the object's name, and a line for each of its facts.
inline constexpr char kStructure[] = R"sql(
WITH home AS (
  SELECT relnamespace AS id FROM pg_class WHERE oid = to_regclass($1::text)
), tables AS (
  SELECT c.oid, c.relname::text AS name, c.reloptions
  FROM pg_class c JOIN home ON c.relnamespace = home.id WHERE c.relkind IN ('r', 'p')
), facts AS (
  SELECT name, 'table' || coalesce(' with ' || array_to_string(reloptions, ', '), '') AS line FROM tables
  UNION ALL
  SELECT t.name, 'column ' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
    || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
    || coalesce(' default ' || pg_get_expr(d.adbin, d.adrelid), '')
    || coalesce(' collate ' || o.collname, '') || ' storage ' || a.attstorage::text
  FROM tables t
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    LEFT JOIN pg_collation o ON o.oid = a.attcollation
  UNION ALL
  SELECT t.name, 'constraint ' || c.conname || ' ' || pg_get_constraintdef(c.oid, true)
  FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid
  UNION ALL
  SELECT t.name, 'index ' || pg_get_indexdef(i.indexrelid, 0, true) || CASE WHEN i.indisvalid THEN '' ELSE ' invalid' END
  FROM tables t JOIN pg_index i ON i.indrelid = t.oid
  UNION ALL
  SELECT t.name, 'trigger ' || g.tgname FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
  UNION ALL
  SELECT p.proname::text, 'function of (' || pg_get_function_identity_arguments(p.oid) || ') with body ' || md5(p.prosrc)
  FROM pg_proc p JOIN home ON p.pronamespace = home.id
)
SELECT name, line FROM facts ORDER BY name COLLATE "C", line COLLATE "C")sql";

}  // namespace authstate::storage::schema_statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_SCHEMA_STATEMENTS_H_
