#ifndef AUTHSTATE_STORAGE_POSTGRES_SCHEMA_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SCHEMA_STATEMENTS_H_

// The SQL that looks at, and locks, the schema of either layout; each within one transaction, and without state beyond.
namespace authstate::storage::schema_statements {

inline constexpr char kBegin[] = "BEGIN";

// $1: milliseconds. For this transaction alone.
inline constexpr char kLockTimeout[] = "SELECT set_config('lock_timeout', $1::text, true)";

// Makes room for a second set of the tables: in a schema of its own for the native layout, whose statements name none;
// by moving the one that is there out of the way for the legacy layout, whose statements name it. Nobody else sees
// either, as the transaction is undone.
inline constexpr char kSetAsideNative[] =
    "CREATE SCHEMA authstate_verification; SET LOCAL search_path = authstate_verification";
inline constexpr char kSetAsideLegacy[] = "ALTER SCHEMA authstate RENAME TO authstate_set_aside";
// The tables that remember the migrations.
inline constexpr char kNativeTable[] = "auth_schema_migrations";
inline constexpr char kLegacyTable[] = "authstate.legacy_schema_migrations";
// Where the legacy layout keeps its own tables.
inline constexpr char kEnterLegacy[] = "SET LOCAL search_path = authstate, public";

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

#endif  // AUTHSTATE_STORAGE_POSTGRES_SCHEMA_STATEMENTS_H_
