#ifndef AUTHSTATE_MIGRATIONS_TABLES_CATALOGUE_STATEMENTS_H_
#define AUTHSTATE_MIGRATIONS_TABLES_CATALOGUE_STATEMENTS_H_

// What is asked of the catalogue. $SCHEMA stands for the name of the schema as a literal; lists are divided by
// kListSeparator. They run on PostgreSQL 15 and newer.
namespace authstate::tables::catalogue_statements {

// One row: version, encoding, collation, whether the schema is there, whether the role may create in it, the role's
// time-outs (before we pinned ours), extensions, those that could be made, the oldest transaction id that may still
// write.
inline constexpr char kDatabase[] = R"(
SELECT current_setting('server_version_num'),
       current_setting('server_encoding'),
       d.datcollate || ' (' || CASE d.datlocprovider WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE 'libc' END || ')',
       EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $SCHEMA),
       coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = $SCHEMA),
                has_database_privilege(d.oid, 'CREATE')),
       array_to_string(ARRAY(SELECT name || ' = ' || reset_val || ' ' || unit FROM pg_settings
                             WHERE name IN ('statement_timeout', 'transaction_timeout',
                                            'idle_in_transaction_session_timeout') AND reset_val <> '0'
                             ORDER BY 1), chr(31)),
       array_to_string(ARRAY(SELECT extname FROM pg_extension ORDER BY 1), chr(31)),
       array_to_string(ARRAY(SELECT name FROM pg_available_extensions ORDER BY 1), chr(31)),
       pg_snapshot_xmin(pg_current_snapshot())
FROM pg_database d WHERE d.datname = current_database())";

// Tables and partitioned tables that are no partitions and of no extension.
inline constexpr char kTables[] = R"(
SELECT c.relname, coalesce(pg_get_partkeydef(c.oid), ''), greatest(c.reltuples, 0)::bigint, row_security_active(c.oid),
       EXISTS (SELECT 1 FROM pg_policy WHERE polrelid = c.oid),
       c.relkind <> 'p' AND EXISTS (SELECT 1 FROM pg_inherits WHERE c.oid IN (inhrelid, inhparent)),
       array_to_string(ARRAY(SELECT p FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
                             WHERE NOT has_table_privilege(c.oid, p)), chr(31)),
       array_to_string(ARRAY(SELECT t.tgname || ': ' || pg_get_triggerdef(t.oid) FROM pg_trigger t
                             WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled IN ('O', 'A')
                             ORDER BY 1), chr(31)),
       array_to_string(ARRAY(SELECT format('%I.%I: %s', n.nspname, r.relname, pg_get_constraintdef(k.oid))
                             FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid
                             JOIN pg_namespace n ON n.oid = r.relnamespace
                             WHERE k.confrelid = c.oid AND k.conparentid = 0 AND r.relnamespace <> c.relnamespace
                             ORDER BY 1), chr(31))
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $SCHEMA AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
ORDER BY 1)";

inline constexpr char kColumns[] = R"(
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       CASE WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, d.adrelid), '') ELSE '' END, a.attidentity,
       CASE WHEN a.attgenerated = '' THEN '' ELSE
         format('(%s) %s', pg_get_expr(d.adbin, d.adrelid), CASE a.attgenerated WHEN 'v' THEN 'VIRTUAL'
                                                                       ELSE 'STORED' END) END,
       CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN
         (SELECT quote_ident(cn.nspname) || '.' || quote_ident(l.collname) FROM pg_collation l
          JOIN pg_namespace cn ON cn.oid = l.collnamespace WHERE l.oid = a.attcollation) ELSE '' END,
       a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'oid'::regtype, 'numeric'::regtype,
                      'uuid'::regtype, 'date'::regtype, 'time'::regtype, 'timestamp'::regtype, 'timestamptz'::regtype,
                      'bytea'::regtype, 'bool'::regtype)
       OR (a.atttypid IN ('text'::regtype, 'varchar'::regtype) AND
           (a.attcollation IN ('"C"'::regcollation, '"POSIX"'::regcollation)
            OR (a.attcollation = '"default"'::regcollation AND EXISTS
                (SELECT 1 FROM pg_database WHERE datname = current_database() AND datlocprovider = 'c'
                 AND datcollate IN ('C', 'POSIX')))))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE n.nspname = $SCHEMA AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY c.relname, a.attnum)";

inline constexpr char kConstraints[] = R"(
SELECT c.relname, k.conname, k.contype,
       array_to_string(ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY u(attnum, place)
                             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum
                             ORDER BY u.place), chr(31)),
       pg_get_constraintdef(k.oid), k.condeferrable,
       coalesce((SELECT f.relname FROM pg_class f WHERE f.oid = k.confrelid AND f.relnamespace = c.relnamespace), ''),
       array_to_string(ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY u(attnum, place)
                             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum
                             ORDER BY u.place), chr(31))
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $SCHEMA AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND k.contype IN ('p', 'u', 'c', 'f', 'x')
ORDER BY c.relname, k.contype, k.conname)";

inline constexpr char kIndexes[] = R"(
SELECT c.relname, i.relname, pg_get_indexdef(i.oid), x.indisunique,
       x.indisunique AND x.indisvalid AND x.indimmediate AND x.indpred IS NULL AND x.indexprs IS NULL,
       EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u', 'x')),
       array_to_string(ARRAY(SELECT a.attname FROM unnest(x.indkey::int2[]) WITH ORDINALITY u(attnum, place)
                             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = u.attnum
                             WHERE u.place <= x.indnkeyatts ORDER BY u.place), chr(31)),
       x.indnullsnotdistinct
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $SCHEMA AND c.relkind IN ('r', 'p') AND NOT c.relispartition
ORDER BY c.relname, i.relname)";

inline constexpr char kPartitions[] = R"(
WITH RECURSIVE part AS (
  SELECT c.oid AS root, c.relname AS table_name, i.inhrelid AS oid, i.inhparent AS parent, 1 AS depth
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_inherits i ON i.inhparent = c.oid
  WHERE n.nspname = $SCHEMA AND c.relkind = 'p' AND NOT c.relispartition
  UNION ALL
  SELECT part.root, part.table_name, i.inhrelid, i.inhparent, part.depth + 1
  FROM part JOIN pg_inherits i ON i.inhparent = part.oid)
SELECT part.table_name, c.relname, p.relname, pg_get_expr(c.relpartbound, c.oid), coalesce(pg_get_partkeydef(c.oid), '')
FROM part JOIN pg_class c ON c.oid = part.oid JOIN pg_class p ON p.oid = part.parent
ORDER BY part.table_name, part.depth, c.relname)";

// Whose a sequence is: the column that owns it, or the first by name whose default takes from it.
inline constexpr char kSequences[] = R"(
SELECT c.relname, format_type(s.seqtypid, NULL),
       format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement,
              s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' ELSE '' END),
       s.seqincrement, coalesce(o.relname, ''), coalesce(o.attname, ''), coalesce(o.deptype = 'i', false),
       coalesce(o.deptype <> 'n', false),
       has_sequence_privilege(c.oid, 'SELECT'), has_sequence_privilege(c.oid, 'UPDATE')
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
  SELECT t.relname, a.attname, d.deptype::text FROM pg_depend d
  JOIN pg_class t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
  WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
    AND d.deptype IN ('a', 'i')
  UNION ALL
  SELECT t.relname, a.attname, 'n' FROM pg_depend d
  JOIN pg_attrdef f ON f.oid = d.objid JOIN pg_class t ON t.oid = f.adrelid
  JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = f.adnum
  WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
    AND NOT t.relispartition
  ORDER BY 3, 1, 2 LIMIT 1) o ON true
WHERE n.nspname = $SCHEMA ORDER BY 1)";

// With the statement that makes the type, in the order in which they were made, but for those that need no other.
inline constexpr char kTypes[] = R"(
SELECT t.typname, CASE t.typtype
  WHEN 'e' THEN format('CREATE TYPE %I.%I AS ENUM (%s)', n.nspname, t.typname,
                       (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                        FROM pg_enum e WHERE e.enumtypid = t.oid))
  WHEN 'd' THEN format('CREATE DOMAIN %I.%I AS %s', n.nspname, t.typname, format_type(t.typbasetype, t.typtypmod))
                || coalesce(' DEFAULT ' || t.typdefault, '') || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
                || coalesce((SELECT string_agg(format(' CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), ''
                                               ORDER BY k.conname)
                             FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'), '')
  WHEN 'r' THEN (
    SELECT format('CREATE TYPE %I.%I AS RANGE (SUBTYPE = %s', n.nspname, t.typname, format_type(r.rngsubtype, NULL))
           || CASE WHEN o.opcdefault THEN '' ELSE
                (SELECT format(', SUBTYPE_OPCLASS = %I.%I', nspname, o.opcname) FROM pg_namespace
                 WHERE oid = o.opcnamespace) END
           || CASE WHEN r.rngcollation IN (0, s.typcollation) THEN '' ELSE
                format(', COLLATION = %s', r.rngcollation::regcollation) END
           || CASE WHEN r.rngsubdiff = 0 THEN '' ELSE format(', SUBTYPE_DIFF = %s', r.rngsubdiff::regproc) END
           || format(', MULTIRANGE_TYPE_NAME = %s)', format_type(r.rngmultitypid, NULL))
    FROM pg_range r JOIN pg_opclass o ON o.oid = r.rngsubopc JOIN pg_type s ON s.oid = r.rngsubtype
    WHERE r.rngtypid = t.oid)
  ELSE format('CREATE TYPE %I.%I AS (%s)', n.nspname, t.typname,
              (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', '
                                 ORDER BY a.attnum)
               FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) END
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE n.nspname = $SCHEMA
  AND (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND EXISTS
       (SELECT 1 FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c')))
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e')
ORDER BY t.typtype <> 'e', t.typtype <> 'd' OR t.typbasetype >= 16384, t.oid)";

// Extensions whose types, functions and operator classes columns, defaults, constraints and indexes of the schema use.
inline constexpr char kNeededExtensions[] = R"(
WITH ours AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = $SCHEMA AND c.relkind IN ('r', 'p', 'i', 'I')),
dependent AS (
  SELECT 'pg_class'::regclass AS classid, oid AS objid FROM ours
  UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d JOIN ours ON ours.oid = d.adrelid
  UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN ours ON ours.oid = k.conrelid)
SELECT DISTINCT x.extname, (SELECT nspname FROM pg_namespace WHERE oid = x.extnamespace)
FROM dependent JOIN pg_depend d ON d.classid = dependent.classid AND d.objid = dependent.objid
JOIN pg_depend e ON e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'
JOIN pg_extension x ON x.oid = e.refobjid
WHERE d.refclassid IN ('pg_type'::regclass, 'pg_proc'::regclass, 'pg_opclass'::regclass, 'pg_operator'::regclass)
ORDER BY 1)";

// Functions of the schema without which its columns, constraints, indexes and types cannot be made: the table, empty of
// a type, and the function with its parameters. Those that come with an extension or a range are not of them.
inline constexpr char kNeededFunctions[] = R"(
WITH dependent AS (
  SELECT 'pg_class'::regclass AS classid, c.oid AS objid, coalesce(x.indrelid, c.oid) AS table_oid
  FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid WHERE c.relkind IN ('r', 'p', 'i', 'I')
  UNION ALL SELECT 'pg_attrdef'::regclass, oid, adrelid FROM pg_attrdef
  UNION ALL SELECT 'pg_constraint'::regclass, oid, conrelid FROM pg_constraint
  UNION ALL SELECT 'pg_type'::regclass, oid, 0 FROM pg_type WHERE typtype = 'r')
SELECT DISTINCT coalesce(c.relname, ''), p.oid::regprocedure
FROM dependent JOIN pg_depend d ON d.classid = dependent.classid AND d.objid = dependent.objid
JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
JOIN pg_namespace n ON n.oid = p.pronamespace LEFT JOIN pg_class c ON c.oid = dependent.table_oid
WHERE n.nspname = $SCHEMA AND (c.oid IS NULL OR c.relnamespace = n.oid)
  AND NOT EXISTS (SELECT 1 FROM pg_depend
                  WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype IN ('e', 'i'))
ORDER BY 1, 2)";

inline constexpr char kFunctions[] = R"(
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $SCHEMA)";

inline constexpr char kOthers[] = R"(
SELECT CASE c.relkind WHEN 'v' THEN 'view ' WHEN 'm' THEN 'materialized view ' ELSE 'foreign table ' END || c.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $SCHEMA AND c.relkind IN ('v', 'm', 'f')
  AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
UNION ALL
SELECT 'function ' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = $SCHEMA
  AND NOT EXISTS (SELECT 1 FROM pg_depend
                  WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype IN ('e', 'i'))
ORDER BY 1)";

}  // namespace authstate::tables::catalogue_statements

#endif  // AUTHSTATE_MIGRATIONS_TABLES_CATALOGUE_STATEMENTS_H_
