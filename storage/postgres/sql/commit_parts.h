#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_PARTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_PARTS_H_

// The parts that the statements which commit have in common; statements::kCommit tells what they do, and has the
// parameters.
namespace authstate::storage::statements::commit_parts {

// The beginning of each: the clock, read after the snapshot was taken, and how long to wait for a lock. Not closed, as
// the legacy layout asks for more.
inline constexpr char kClock[] = R"sql(
WITH clock AS MATERIALIZED (
  SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS micros,
         set_config('lock_timeout', $7::text, true) AS lock_timeout)sql";

// Of the session as the snapshot has it (`s`): what decides whether the member `i` may have been committed before.
inline constexpr char kOldBarrierAndCommits[] = R"sql(         coalesce(s.barrier, 0) AS barrier,
         coalesce(s.recent_ids, '{}') AS recent_ids, coalesce(s.recent_revisions, '{}') AS recent_revisions,
         coalesce(s.recent_times, '{}') AS recent_times,
         s.recent_revisions[array_position(s.recent_ids, nullif(i.commit_id, 0))] AS replayed,
         clock.micros, clock.micros > $6::int8 AS late,
)sql";

// The condition of an upsert of the session's row: the row still is as the snapshot had it. Only its lease may have
// changed meanwhile, and then the rules of leases hold for what it is now.
inline constexpr char kUnlessChanged[] =
    R"sql(    WHERE s.revision = excluded.revision - 1 AND s.barrier = excluded.barrier
      AND CASE WHEN s.lease_owner <> '' AND excluded.lease_owner = ''
               THEN s.fence = excluded.fence - 1 AND s.lease_expires_at <= now()
               ELSE s.fence = excluded.fence END
  RETURNING s.session_id, s.revision
)sql";

// The keys to set (`w`), each with the key that is there (`k`), and whether that is not the base of its patch.
inline constexpr char kSetsAndBases[] =
    R"sql(           w.base IS NOT NULL AND substr(k.value, octet_length(k.value) - 15) IS DISTINCT FROM w.base AS baseless
    FROM unnest((SELECT $8::text[]), (SELECT $9::text[]), (SELECT $10::text[]), (SELECT $20::bytea[]))
      AS w(session_id, key_type, key_id, base)
    LEFT JOIN auth_keys k ON k.session_id = w.session_id AND k.key_type = w.key_type AND k.key_id = w.key_id
)sql";

// The keys to delete that are there.
inline constexpr char kDeletedKeys[] =
    R"sql(    FROM unnest((SELECT $13::text[]), (SELECT $14::text[]), (SELECT $15::text[])) AS d(session_id, key_type, key_id)
    JOIN auth_keys k ON k.session_id = d.session_id AND k.key_type = d.key_type AND k.key_id = d.key_id)sql";

// The keys of the sessions that passed, deleted and set.
inline constexpr char kKeysDeleted[] = R"sql(, keys_deleted AS (
  DELETE FROM auth_keys k
  USING passed p, unnest((SELECT $13::text[]), (SELECT $14::text[]), (SELECT $15::text[]))
    AS d(session_id, key_type, key_id)
  WHERE d.session_id = p.session_id
    AND k.session_id = d.session_id AND k.key_type = d.key_type AND k.key_id = d.key_id
))sql";

inline constexpr char kKeysSetOrPatched[] = R"sql(, keys_set AS (
  INSERT INTO auth_keys AS k (session_id, key_type, key_id, kind, value, patch)
  SELECT w.session_id, w.key_type, w.key_id, w.kind, CASE WHEN w.base IS NULL THEN w.value ELSE '' END,
         CASE WHEN w.base IS NOT NULL THEN w.value END
  FROM unnest((SELECT $8::text[]), (SELECT $9::text[]), (SELECT $10::text[]), (SELECT $11::int2[]),
              (SELECT $12::bytea[]), (SELECT $20::bytea[]))
    AS w(session_id, key_type, key_id, kind, value, base)
  JOIN passed p ON p.session_id = w.session_id
  ON CONFLICT (session_id, key_type, key_id) DO UPDATE
    SET kind = excluded.kind, patch = excluded.patch,
        value = CASE WHEN excluded.patch IS NULL THEN excluded.value ELSE k.value END
))sql";

}  // namespace authstate::storage::statements::commit_parts

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_PARTS_H_
