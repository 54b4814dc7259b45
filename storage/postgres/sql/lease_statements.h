#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_LEASE_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_LEASE_STATEMENTS_H_

// The SQL of leases, by the rules of storage/lease.h. Time is the database's: now(), the beginning of the statement,
// decides whether a lease is live, so that one that waited for a lock errs towards the owner.
namespace authstate::storage::statements {

// Lease requests of many sessions, each at most once. $1 to $9: one element a member: session, action (0 get,
// 1 acquire, 2 renew, 3 release, 4 pass), owner, fence, length in microseconds, steal, what a new fence adds to the one
// before or, of a pass, the next fence, the applied number of a pass, unless it stays, and what that must be before,
// unless it does not matter. $10: how long it may wait for a lock, in ms.
//
// The conditions are checked on the row as it is once it is locked, so nothing comes between them and the change. The
// last part shows a member that was refused as the statement's snapshot had it; where that would have been allowed, the
// member lost a race and is asked again.
//
// Where a home loses the lease (2^32: kRevisionsOfAHome) the revision leaps.
//
// Rows, in the order of the members: done; then fence, owner, expiry and time left in microseconds, revision, applied
// number, when the last commit was in microseconds, and the ids and revisions of the last commits.
inline constexpr char kLeases[] = R"sql(
WITH limits AS MATERIALIZED (
  SELECT set_config('lock_timeout', $10::text, true) AS lock_timeout
), input AS MATERIALIZED (
  SELECT i.*
  FROM limits
  CROSS JOIN unnest((SELECT $1::text[]), (SELECT $2::int2[]), (SELECT $3::text[]), (SELECT $4::int8[]),
                    (SELECT $5::int8[]), (SELECT $6::bool[]), (SELECT $7::int8[]), (SELECT $8::int8[]),
                    (SELECT $9::int8[])) WITH ORDINALITY
    AS i(session_id, action, owner, fence, ttl, steal, next_fence, applied_number, expected_number, member)
), acquired AS (
  INSERT INTO auth_sessions AS s (session_id, revision, present, updated_at, fence, lease_owner, lease_expires_at)
  SELECT session_id, 0, false, now(), next_fence, owner, clock_timestamp() + ttl * interval '1 microsecond'
  FROM input
  WHERE action = 1
  ORDER BY session_id COLLATE "C"
  ON CONFLICT (session_id) DO UPDATE
    SET fence = CASE WHEN s.lease_owner = excluded.lease_owner THEN s.fence ELSE s.fence + excluded.fence END,
        applied_number = CASE WHEN s.lease_owner = excluded.lease_owner THEN s.applied_number ELSE 0 END,
        revision = CASE WHEN s.lease_owner <> excluded.lease_owner AND starts_with(s.lease_owner, 'home:')
                        THEN s.revision + 4294967296 ELSE s.revision END,
        lease_owner = excluded.lease_owner,
        lease_expires_at = excluded.lease_expires_at
    WHERE s.lease_owner IN ('', excluded.lease_owner) OR s.lease_expires_at <= now()
       OR EXISTS (SELECT FROM input i WHERE i.session_id = s.session_id AND i.steal)
  RETURNING s.session_id, s.fence, s.lease_owner, s.lease_expires_at, s.revision, s.applied_number, s.updated_at,
            s.recent_ids, s.recent_revisions
), changed AS (
  UPDATE auth_sessions AS s
  SET fence = CASE i.action WHEN 2 THEN s.fence WHEN 3 THEN s.fence + 1 ELSE i.next_fence END,
      applied_number =
        CASE i.action WHEN 2 THEN s.applied_number WHEN 3 THEN 0 ELSE coalesce(i.applied_number, s.applied_number) END,
      revision = CASE WHEN i.action = 3 AND starts_with(s.lease_owner, 'home:')
                      THEN s.revision + 4294967296 ELSE s.revision END,
      lease_owner = CASE i.action WHEN 2 THEN s.lease_owner WHEN 3 THEN '' ELSE i.owner END,
      lease_expires_at = CASE WHEN i.action = 3 OR (i.action = 4 AND i.owner = '') THEN 'epoch'
                              ELSE clock_timestamp() + i.ttl * interval '1 microsecond' END
  FROM input i
  WHERE i.action IN (2, 3, 4) AND s.session_id = i.session_id AND s.lease_owner <> '' AND s.fence = i.fence
    AND (i.expected_number IS NULL OR s.applied_number = i.expected_number)
  RETURNING s.session_id, s.fence, s.lease_owner, s.lease_expires_at, s.revision, s.applied_number, s.updated_at,
            s.recent_ids, s.recent_revisions
), shown AS (
  SELECT true AS done, * FROM acquired
  UNION ALL
  SELECT true, * FROM changed
  UNION ALL
  SELECT false, s.session_id, s.fence, s.lease_owner, s.lease_expires_at, s.revision, s.applied_number, s.updated_at,
         s.recent_ids, s.recent_revisions
  FROM auth_sessions s JOIN input i ON i.session_id = s.session_id
  WHERE NOT EXISTS (SELECT FROM acquired a WHERE a.session_id = i.session_id)
    AND NOT EXISTS (SELECT FROM changed c WHERE c.session_id = i.session_id)
)
SELECT coalesce(w.done, false), coalesce(w.fence, 0), coalesce(w.lease_owner, ''),
       coalesce((extract(epoch FROM w.lease_expires_at) * 1000000)::int8, 0),
       coalesce((extract(epoch FROM w.lease_expires_at - clock_timestamp()) * 1000000)::int8, 0),
       coalesce(w.revision, 0), coalesce(w.applied_number, 0),
       coalesce((extract(epoch FROM w.updated_at) * 1000000)::int8, 0),
       coalesce(array_to_string(w.recent_ids, ','), ''), coalesce(array_to_string(w.recent_revisions, ','), '')
FROM input i LEFT JOIN shown w ON w.session_id = i.session_id
ORDER BY i.member)sql";

}  // namespace authstate::storage::statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_LEASE_STATEMENTS_H_
