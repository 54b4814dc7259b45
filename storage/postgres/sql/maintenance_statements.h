#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_MAINTENANCE_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_MAINTENANCE_STATEMENTS_H_

#include "storage/postgres/sql/sql_text.h"

// The SQL of maintenance, which stands beside the version of the grants (storage/grant.h). Time is the database's.
//
// Rows: version, now, since when, reason, how long writes are held in ms, and what is allowed (GrantRow::scopes). Times
// are in microseconds since the Unix epoch; where there is no maintenance, since when is NULL.
namespace authstate::storage::statements {

// The columns of maintenance, in the row `v` of auth_grants_version.
inline constexpr char kMaintenanceColumns[] = R"sql(
  v.version, (extract(epoch FROM now()) * 1000000)::int8, (extract(epoch FROM v.maintenance_since) * 1000000)::int8,
  v.maintenance_reason, v.maintenance_hold_ms, v.maintenance_allowed)sql";

inline constexpr auto kGetMaintenance = JoinSql("SELECT", kMaintenanceColumns, " FROM auth_grants_version v");

// What was before, locked; $1: how long to wait for a lock, in ms.
inline constexpr char kMaintenanceBefore[] = R"sql(
WITH limits AS MATERIALIZED (
  SELECT set_config('lock_timeout', $1::text, true) AS lock_timeout
), before AS MATERIALIZED (
  SELECT v.one, v.version, v.maintenance_since AS since, v.maintenance_prefixes AS prefixes,
         v.maintenance_opened AS opened
  FROM auth_grants_version v CROSS JOIN limits
  FOR UPDATE OF v
))sql";

// LivesOnUntil (storage/grants/maintenance_terms.h), up to which sessions the request allows. A minute:
// kLeaseAfterMaintenance.
inline constexpr char kLeasesLiveOn[] = R"sql(, living AS (
  UPDATE auth_sessions s
  SET lease_expires_at = greatest(s.lease_expires_at, clock_timestamp() + greatest(interval '1 minute',
    CASE WHEN EXISTS (SELECT FROM unnest(b.opened) AS p(prefix) WHERE starts_with(s.session_id, p.prefix))
         THEN interval '0' ELSE s.lease_expires_at - b.since END))
  FROM before b
  WHERE s.lease_owner <> '' AND NOT starts_with(s.lease_owner, 'home:') AND s.lease_expires_at > b.since
    AND NOT EXISTS (SELECT FROM unnest(b.prefixes) AS p(prefix) WHERE starts_with(s.session_id, p.prefix)))sql";

// $2 to $4: reason, how long, what is allowed; $5: with what the ids of those sessions begin; $6: since when at the
// latest, 0: whenever.
inline constexpr auto kBeginMaintenance = JoinSql(kMaintenanceBefore, kLeasesLiveOn, R"sql(
    AND EXISTS (SELECT FROM unnest($5::text[]) AS p(prefix) WHERE starts_with(s.session_id, p.prefix))
)
UPDATE auth_grants_version v
SET maintenance_since = least(coalesce(b.since, clock_timestamp()),
                              'epoch'::timestamptz + nullif($6::int8, 0) * interval '1 microsecond'),
    maintenance_reason = $2::text, maintenance_hold_ms = $3::int8, maintenance_allowed = $4::text,
    maintenance_prefixes = $5::text[],
    maintenance_opened = ARRAY(SELECT DISTINCT unnest(b.opened || $5::text[]))
FROM before b
WHERE v.one = b.one
RETURNING)sql",
                                                  kMaintenanceColumns);

// $2: with what the ids of sessions begin whose leases stay as they are.
inline constexpr auto kEndMaintenance = JoinSql(kMaintenanceBefore, kLeasesLiveOn, R"sql(
    AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS p(prefix) WHERE starts_with(s.session_id, p.prefix))
), ended AS (
  UPDATE auth_grants_version v
  SET maintenance_since = NULL, maintenance_reason = '', maintenance_hold_ms = 0, maintenance_allowed = '',
      maintenance_prefixes = '{}', maintenance_opened = '{}'
  FROM before b
  WHERE v.one = b.one AND b.since IS NOT NULL
)
SELECT b.version, (extract(epoch FROM now()) * 1000000)::int8, NULL::int8, '', 0::int8, '' FROM before b)sql");

}  // namespace authstate::storage::statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_MAINTENANCE_STATEMENTS_H_
