#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_PARTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_PARTS_H_

#include <cstddef>

#include "storage/backend.h"
#include "storage/postgres/sql/sql_text.h"

// The parts that the statements which commit have in common; statements::kCommit tells what they do, and has the
// parameters.
namespace authstate::storage::statements::commit_parts {

// The clock of the database in microseconds since the Unix epoch.
inline constexpr char kMicros[] = "SELECT floor(extract(epoch FROM clock_timestamp()) * 1000000)::int8 AS micros";

// The beginning of each: the clock, read after the snapshot was taken, and how long to wait for a lock, which is the
// parameter that follows. Not closed, as the legacy layout asks for more.
inline constexpr auto kClock = JoinSql("\nWITH clock AS MATERIALIZED (\n  ", kMicros, R"sql(,
         set_config('lock_timeout', )sql");
inline constexpr auto kCommitClock = JoinSql(kClock.text, "$7::text, true) AS lock_timeout");

// The columns recent_ids, recent_revisions and recent_times of a session's row once it was committed to, but where
// `forgets` is true.
static_assert(kRecentCommits == 8, "as the statements say");
template <std::size_t Size>
constexpr auto RecentUnless(const char (&forgets)[Size]) {
  return JoinSql("CASE WHEN ", forgets,
                 " THEN recent_ids ELSE (commit_id || recent_ids)[1:8] END,\n         CASE WHEN ", forgets,
                 " THEN recent_revisions ELSE ((revision + 1) || recent_revisions)[1:8] END,\n         CASE WHEN ",
                 forgets, " THEN recent_times ELSE (micros || recent_times)[1:8] END");
}

// The same where what is carried over takes their place (kCommit). The times of those are not known: taken for new,
// they leave in doubt what they might have pushed out (commit_resolution.h).
template <std::size_t Size>
constexpr auto RecentOrCarriedUnless(const char (&forgets)[Size]) {
  return JoinSql(
      "CASE WHEN carried_ids IS NOT NULL THEN carried_ids::int8[] WHEN ", forgets,
      " THEN recent_ids ELSE (commit_id || recent_ids)[1:8] END,\n         CASE WHEN carried_ids IS NOT NULL "
      "THEN carried_revisions::int8[] WHEN ",
      forgets,
      " THEN recent_revisions ELSE ((revision + 1) || recent_revisions)[1:8] END,\n         CASE WHEN "
      "carried_ids IS NOT NULL THEN array_fill(micros, ARRAY[cardinality(carried_ids::int8[])]) WHEN ",
      forgets, " THEN recent_times ELSE (micros || recent_times)[1:8] END");
}

// What decides, of the session as the snapshot has it (`s`), whether the member `i` may have been committed before.
inline constexpr char kOldBarrierAndCommits[] = R"sql(         coalesce(s.barrier, 0) AS barrier,
         coalesce(s.recent_ids, '{}') AS recent_ids, coalesce(s.recent_revisions, '{}') AS recent_revisions,
         coalesce(s.recent_times, '{}') AS recent_times,
         s.recent_revisions[array_position(s.recent_ids, nullif(i.commit_id, 0))] AS replayed,
         clock.micros, clock.micros > $6::int8 AS late,
)sql";

// The end of an upsert of the session's row, what each layout has of its own left out in the middle. The condition: the
// row still is as the snapshot had it. Only its lease may have changed meanwhile, and then the rules of leases hold for
// what it is now. Where nothing is carried the revision goes on by one, which tells it without a look at `old`; the
// look is by a hash that is made once.
inline constexpr char kReplaced[] =
    R"sql(  ON CONFLICT (session_id) DO UPDATE
    SET revision = excluded.revision, present = excluded.present, updated_at = excluded.updated_at,
        recent_ids = excluded.recent_ids, recent_revisions = excluded.recent_revisions,
        recent_times = excluded.recent_times,
        fence = excluded.fence, lease_owner = excluded.lease_owner, applied_number = excluded.applied_number)sql";
inline constexpr char kUnlessChanged[] =
    R"sql(    WHERE CASE WHEN EXISTS (SELECT FROM input WHERE carried_revision IS NOT NULL)
               THEN (s.session_id, s.revision) IN (SELECT old.session_id, old.revision FROM old)
               ELSE s.revision = excluded.revision - 1 END
      AND s.barrier = excluded.barrier
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
  INSERT INTO auth_keys AS k (session_id, key_type, key_id, kind, value, patch, changed_at)
  SELECT w.session_id, w.key_type, w.key_id, w.kind, CASE WHEN w.base IS NULL THEN w.value ELSE '' END,
         CASE WHEN w.base IS NOT NULL THEN w.value END, now()
  FROM unnest((SELECT $8::text[]), (SELECT $9::text[]), (SELECT $10::text[]), (SELECT $11::int2[]),
              (SELECT $12::bytea[]), (SELECT $20::bytea[]))
    AS w(session_id, key_type, key_id, kind, value, base)
  JOIN passed p ON p.session_id = w.session_id
  ON CONFLICT (session_id, key_type, key_id) DO UPDATE
    SET kind = excluded.kind, patch = excluded.patch, changed_at = excluded.changed_at,
        value = CASE WHEN excluded.patch IS NULL THEN excluded.value ELSE k.value END
))sql";

}  // namespace authstate::storage::statements::commit_parts

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_PARTS_H_
