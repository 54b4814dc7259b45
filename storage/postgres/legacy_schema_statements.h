#ifndef AUTHSTATE_STORAGE_POSTGRES_LEGACY_SCHEMA_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_LEGACY_SCHEMA_STATEMENTS_H_

// Whether the rows of the legacy layout can be seen.
namespace authstate::storage::legacy_statements {

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
