#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_GRANT_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_GRANT_STATEMENTS_H_

#include "storage/postgres/sql/sql_text.h"

// The SQL of grants, by the rules of storage/grants/grant_change.h. Time is the database's. Each request is one
// statement, in which every change ends with the row of auth_grants_version: so there is no deadlock, and versions are
// seen in their order.
//
// The rows of all but kNoteGrantUses: done, version, now, and then either the columns of a grant (GrantRow) or nulls.
// Times are in microseconds since the Unix epoch.
namespace authstate::storage::statements {

// The columns of a grant, a row `g` of auth_grants, in the order of GrantRow, with the time now before them.
inline constexpr char kGrantColumns[] = R"sql(
  (extract(epoch FROM now()) * 1000000)::int8, g.grant_id, g.label, g.certificate_name, g.rights, g.scopes,
  encode(g.terms_checksum, 'hex'), encode(g.verifier, 'hex'), (extract(epoch FROM g.created_at) * 1000000)::int8,
  (extract(epoch FROM g.expires_at) * 1000000)::int8, (extract(epoch FROM g.revoked_at) * 1000000)::int8,
  (extract(epoch FROM g.last_used_at) * 1000000)::int8)sql";

// The grants unless $1 is their version; then one row without any.
inline constexpr auto kListGrants = JoinSql("SELECT true, v.version,", kGrantColumns, R"sql(
FROM auth_grants_version v LEFT JOIN auth_grants g ON v.version <> $1::int8
ORDER BY g.grant_id)sql");

// How the three that change a grant begin, and end: $1 how long to wait for a lock, in ms; $2 by how much the version
// grows; $3 the id.
inline constexpr char kBeginGrantChange[] = R"sql(
WITH limits AS MATERIALIZED (
  SELECT set_config('lock_timeout', $1::text, true) AS lock_timeout
), changed AS ()sql";
// Where nothing was changed it shows the grant as the statement's snapshot has it.
inline constexpr auto kEndGrantChange = JoinSql(R"sql(
), counted AS (
  UPDATE auth_grants_version v SET version = v.version + $2::int8
  FROM limits
  WHERE EXISTS (SELECT FROM changed c WHERE c.counts)
  RETURNING v.version
), shown AS (
  SELECT true AS done, c.* FROM changed c
  UNION ALL
  SELECT false, g.*, false FROM auth_grants g WHERE g.grant_id = $3::text AND NOT EXISTS (SELECT FROM changed)
)
SELECT coalesce(g.done, false), coalesce(n.version, v.version),)sql",
                                                kGrantColumns, R"sql(
FROM auth_grants_version v LEFT JOIN counted n ON true LEFT JOIN shown g ON true)sql");

// $4 to $9: label, certificate name, rights, scopes, checksum, verifier; $10: time to live in microseconds, or -1.
inline constexpr auto kCreateGrant = JoinSql(kBeginGrantChange, R"sql(
  INSERT INTO auth_grants AS g (grant_id, label, certificate_name, rights, scopes, terms_checksum, verifier, created_at,
                                expires_at)
  SELECT $3::text, $4::text, $5::text, $6::int8, $7::text, $8::bytea, $9::bytea, now(),
         CASE WHEN $10::int8 >= 0 THEN now() + $10::int8 * interval '1 microsecond' END
  FROM limits
  ON CONFLICT (grant_id) DO NOTHING
  RETURNING g.*, true AS counts)sql",
                                             kEndGrantChange.text);

// $4: verifier; $5: time to live in microseconds, or -1 to keep the end it has.
inline constexpr auto kRotateGrant = JoinSql(kBeginGrantChange, R"sql(
  UPDATE auth_grants g
  SET verifier = $4::bytea,
      expires_at = CASE WHEN $5::int8 >= 0 THEN now() + $5::int8 * interval '1 microsecond' ELSE g.expires_at END
  FROM limits
  WHERE g.grant_id = $3::text AND g.certificate_name = '' AND g.revoked_at IS NULL
    AND (g.expires_at IS NULL OR g.expires_at > now())
  RETURNING g.*, true AS counts)sql",
                                             kEndGrantChange.text);

// One that was revoked before keeps the time of that.
inline constexpr auto kRevokeGrant = JoinSql(kBeginGrantChange, R"sql(
  UPDATE auth_grants g
  SET revoked_at = coalesce(g.revoked_at, now())
  FROM limits
  WHERE g.grant_id = $3::text
  RETURNING g.*, g.revoked_at = now() AS counts)sql",
                                             kEndGrantChange.text);

// $1: ids; $2: how long ago each was used, in microseconds. Waits for nobody: what is locked is being changed, and is
// noted with its next use. Rows: version and now.
inline constexpr char kNoteGrantUses[] = R"sql(
WITH used AS (
  SELECT g.grant_id, now() - u.age * interval '1 microsecond' AS used_at
  FROM unnest((SELECT $1::text[]), (SELECT $2::int8[])) AS u(grant_id, age)
    JOIN auth_grants g ON g.grant_id = u.grant_id
  FOR UPDATE OF g SKIP LOCKED
), noted AS (
  UPDATE auth_grants g
  SET last_used_at = u.used_at
  FROM used u
  WHERE g.grant_id = u.grant_id AND (g.last_used_at IS NULL OR g.last_used_at < u.used_at)
)
SELECT v.version, (extract(epoch FROM now()) * 1000000)::int8 FROM auth_grants_version v)sql";

// The id of the store, which stands beside the version of its grants.
inline constexpr char kStoreId[] = "SELECT replace(store_id::text, '-', '') FROM auth_grants_version";

}  // namespace authstate::storage::statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_GRANT_STATEMENTS_H_
