#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_TABLE_ACCESS_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_TABLE_ACCESS_STATEMENTS_H_

#include "storage/postgres/sql/sql_text.h"

// The SQL that asks the catalogue who can reach the tables, and what would keep others away. $1: the tables, each with
// its schema (LayoutSchema::tables, of which the first remembers the migrations); those that are not there are left
// out. $2: the roles that the operator names besides the owner; where he names none, those of an earlier time, which
// the policy `authstate_roles` remembers.
//
// Superusers are never spoken of: no right and no policy binds them. Nor is the role that asks: it is ours.
namespace authstate::storage::table_access_statements {

// The tables of $1 of which row level security may hide rows from this role: it applies, and no policy lets the role
// see and write all of them, or a restrictive one takes some away.
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
FROM unnest($1::text[]) AS t(name) JOIN pg_class c ON c.oid = to_regclass(t.name)
WHERE row_security_active(c.oid)
  AND (EXISTS (SELECT FROM policy p WHERE p.polrelid = c.oid AND NOT p.polpermissive AND NOT p.allows_all)
       OR EXISTS (
         SELECT FROM (VALUES ('r'), ('a'), ('w'), ('d')) AS command(letter)
         WHERE NOT EXISTS (
           SELECT FROM policy p
           WHERE p.polrelid = c.oid AND p.polpermissive AND p.allows_all
             AND p.polcmd::text IN ('*', command.letter))))
ORDER BY c.relname)sql";

// Whether there is what remembers the tables that Citus has distributed; and those of $1 among them.
inline constexpr char kHasCitus[] = "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL";
inline constexpr char kDistributed[] = R"sql(
SELECT t.name
FROM unnest($1::text[]) AS t(name) JOIN pg_catalog.pg_dist_partition p ON p.logicalrelid = to_regclass(t.name)
ORDER BY t.name)sql";

// Roles that can read or change the tables $1 by what they may do there, row level security included, and which. Rows:
// role (PUBLIC: everybody), tables.
inline constexpr char kReaders[] = R"sql(
WITH tables AS (
  SELECT c.oid, c.relname::text AS name, c.relowner AS owner, c.relnamespace AS home, c.relrowsecurity AS secured,
         c.relacl AS acl
  FROM unnest($1::text[]) AS t(name) JOIN pg_class c ON c.oid = to_regclass(t.name)
), command AS (
  SELECT * FROM (VALUES ('SELECT', 'r'), ('INSERT', 'a'), ('UPDATE', 'w'), ('DELETE', 'd')) AS c(privilege, letter)
), reader AS (
  SELECT quote_ident(r.rolname) AS role, t.name
  FROM pg_roles r CROSS JOIN tables t
  WHERE NOT r.rolsuper AND r.rolname <> current_user AND r.rolname !~ '^pg_' AND r.rolname <> ALL ($2::text[])
    AND NOT pg_has_role(r.oid, t.owner, 'USAGE') AND has_schema_privilege(r.oid, t.home, 'USAGE')
    AND EXISTS (
      SELECT FROM command c
      WHERE CASE c.privilege WHEN 'DELETE' THEN has_table_privilege(r.oid, t.oid, 'DELETE')
                 ELSE has_any_column_privilege(r.oid, t.oid, c.privilege) END
        AND (NOT t.secured OR r.rolbypassrls OR EXISTS (
          SELECT FROM pg_policy p CROSS JOIN unnest(p.polroles) AS m(role)
          WHERE p.polrelid = t.oid AND p.polpermissive AND p.polcmd::text IN ('*', c.letter)
            AND (m.role = 0 OR pg_has_role(r.oid, m.role, 'USAGE')))))
  UNION
  SELECT 'PUBLIC', t.name
  FROM tables t CROSS JOIN aclexplode(t.acl) a JOIN command c ON c.privilege = a.privilege_type
  WHERE a.grantee = 0
    AND (NOT t.secured OR EXISTS (
      SELECT FROM pg_policy p
      WHERE p.polrelid = t.oid AND p.polpermissive AND p.polcmd::text IN ('*', c.letter) AND 0 = ANY (p.polroles)))
)
SELECT role, string_agg(name, ', ' ORDER BY name) FROM reader GROUP BY role ORDER BY role)sql";

// What the statements below share: the tables, the schema where it is our own, its functions, and who may use them.
inline constexpr char kOurs[] = R"sql(
WITH ours AS (
  SELECT c.oid, t.name, t.place, c.relowner AS owner, c.relacl AS acl, c.relrowsecurity AS secured,
         c.relnamespace AS home
  FROM unnest($1::text[]) WITH ORDINALITY AS t(name, place) JOIN pg_class c ON c.oid = to_regclass(t.name)
), own_schema AS (
  SELECT n.oid, n.nspowner AS owner, n.nspacl AS acl
  FROM pg_namespace n WHERE n.nspname = 'authstate' AND n.oid IN (SELECT home FROM ours)
), allowed AS (
  SELECT r.oid, r.rolname AS name
  FROM pg_roles r
  WHERE r.rolname = ANY ($2::text[])
     OR (cardinality($2::text[]) = 0 AND EXISTS (
       SELECT FROM pg_policy p JOIN ours o ON o.oid = p.polrelid
       WHERE p.polname = 'authstate_roles' AND r.oid = ANY (p.polroles)))
), stranger AS (
  SELECT oid, quote_ident(rolname) AS name
  FROM pg_roles
  WHERE NOT rolsuper AND rolname <> current_user AND oid NOT IN (SELECT oid FROM allowed)
  UNION ALL
  SELECT 0, 'PUBLIC'
), granted AS (
  SELECT 'TABLE' AS kind, o.name, o.owner, a.grantee, a.privilege_type AS privilege
  FROM ours o CROSS JOIN aclexplode(o.acl) a
  UNION
  SELECT 'TABLE', o.name, o.owner, a.grantee, a.privilege_type
  FROM ours o JOIN pg_attribute c ON c.attrelid = o.oid AND NOT c.attisdropped CROSS JOIN aclexplode(c.attacl) a
  UNION
  SELECT 'SCHEMA', 'authstate', s.owner, a.grantee, a.privilege_type FROM own_schema s CROSS JOIN aclexplode(s.acl) a
  UNION
  SELECT 'FUNCTION', format('authstate.%I(%s)', f.proname, pg_get_function_identity_arguments(f.oid)), f.proowner,
         a.grantee, a.privilege_type
  FROM own_schema s JOIN pg_proc f ON f.pronamespace = s.oid AND pg_has_role(current_user, f.proowner, 'USAGE')
    CROSS JOIN aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) a
))sql";

// Who can reach what is ours, and should not: a right that somebody has on a table or on our schema, or row level
// security that is off. Rows: table (or schema), what is wrong, and the role, if it is one's right.
inline constexpr auto kExposures = JoinSql(kOurs, R"sql(
SELECT g.name, s.name || ' has ' || string_agg(g.privilege, ', ' ORDER BY g.privilege) AS what, s.name AS role
FROM granted g JOIN stranger s ON s.oid = g.grantee AND g.grantee <> g.owner
WHERE g.kind <> 'FUNCTION'
GROUP BY g.name, s.name
UNION ALL
SELECT name, 'row level security is off', NULL FROM ours WHERE NOT secured
ORDER BY 1, 2)sql");

// Roles of $2 that do not exist; and roles with which a server may be logged in today, to which the tables are closed
// once only the owner and those of $2 have rights. Rows: role, whether it exists.
inline constexpr auto kRolesInDoubt = JoinSql(kOurs, R"sql(
SELECT n.name, false FROM unnest($2::text[]) AS n(name) WHERE n.name NOT IN (SELECT rolname FROM pg_roles)
UNION ALL
SELECT r.rolname, true
FROM pg_roles r JOIN stranger s ON s.oid = r.oid
WHERE r.rolcanlogin
  AND EXISTS (SELECT FROM ours o WHERE o.place > 1 AND NOT pg_has_role(r.oid, o.owner, 'USAGE'))
  AND NOT EXISTS (
    SELECT FROM ours o CROSS JOIN unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p(privilege)
    WHERE o.place > 1
      AND NOT (has_table_privilege(r.oid, o.oid, p.privilege) AND has_schema_privilege(r.oid, o.home, 'USAGE')))
  AND NOT EXISTS (SELECT FROM allowed a WHERE pg_has_role(r.oid, a.oid, 'USAGE'))
ORDER BY 1)sql");

// The statements that close the tables, our schema and its functions to all but the owner and the roles of $2, and
// open them to those; none when that is so already. To be run by the owner.
//
// Default privileges that stand for our schema alone go too. Those that stand for all schemas are left to those who
// need them, and taken from each table when it is made.
inline constexpr auto kProtection = JoinSql(kOurs, R"sql(
, wanted AS (
  SELECT 'TABLE' AS kind, o.name, o.owner, p.privilege
  FROM ours o CROSS JOIN unnest(CASE WHEN o.place = 1 THEN ARRAY['SELECT']
                                     ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END) AS p(privilege)
  UNION ALL
  SELECT 'SCHEMA', 'authstate', owner, 'USAGE' FROM own_schema
  UNION ALL
  SELECT DISTINCT 'FUNCTION', g.name, g.owner, 'EXECUTE' FROM granted g WHERE g.kind = 'FUNCTION'
), names AS (
  SELECT string_agg(quote_ident(name), ', ' ORDER BY name) AS list, array_agg(oid) AS ids FROM allowed
)
SELECT statement
FROM (
  SELECT 1, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name) FROM ours WHERE NOT secured
  UNION
  SELECT 2, format('REVOKE ALL ON %s %s FROM %s CASCADE', g.kind, g.name, s.name)
  FROM granted g JOIN stranger s ON s.oid = g.grantee AND g.grantee <> g.owner
  UNION
  SELECT 3, format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA authstate REVOKE ALL ON %s FROM %s',
                   pg_get_userbyid(d.defaclrole),
                   CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS'
                                        ELSE 'TYPES' END, s.name)
  FROM own_schema o JOIN pg_default_acl d ON d.defaclnamespace = o.oid CROSS JOIN aclexplode(d.defaclacl) a
    JOIN stranger s ON s.oid = a.grantee
  WHERE pg_has_role(current_user, d.defaclrole, 'USAGE') AND a.grantee <> d.defaclrole
  UNION
  SELECT 4, format('GRANT %s ON %s %s TO %I', w.privilege, w.kind, w.name, a.name)
  FROM wanted w CROSS JOIN allowed a
  WHERE a.oid <> w.owner
    AND NOT EXISTS (
      SELECT FROM granted g
      WHERE g.kind = w.kind AND g.name = w.name AND g.grantee = a.oid AND g.privilege = w.privilege)
  UNION
  SELECT 5, format('%s POLICY authstate_roles ON %s TO %s USING (true) WITH CHECK (true)',
                   CASE WHEN p.oid IS NULL THEN 'CREATE' ELSE 'ALTER' END, o.name, n.list)
  FROM ours o CROSS JOIN names n
    LEFT JOIN pg_policy p ON p.polrelid = o.oid AND p.polname = 'authstate_roles'
  WHERE n.list IS NOT NULL AND (p.oid IS NULL OR NOT (p.polroles @> n.ids AND p.polroles <@ n.ids))
) AS s(step, statement)
ORDER BY step, statement COLLATE "C")sql");

}  // namespace authstate::storage::table_access_statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_TABLE_ACCESS_STATEMENTS_H_
