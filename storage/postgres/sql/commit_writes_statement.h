#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_WRITES_STATEMENT_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_WRITES_STATEMENT_H_

#include "storage/postgres/sql/commit_parts.h"
#include "storage/postgres/sql/sql_text.h"

// Statements that commit writes of sessions that are known already, for less than what kCommit (statements.h) costs the
// database: an UPDATE in place of an upsert, and none of the parts that only other commits need. Parameters, the rows
// of the answer and all rules are those of kCommit, but for this: a member whose session has no row yet, or no data key
// and is to get one, or whose sum of names has to be counted anew, does not pass, and that is not told as a reason. So
// what has not passed for a reason that its row does not tell goes to kCommit. Each is sent only what
// CommitParameters::form says that it does: the rest of a commit would be left undone.
//
// The UPDATE waits for a concurrent commit of the session, and then holds the row as it has become to every condition
// on `s`, while `old` stays what the snapshot had: that is what keeps a member from passing whose revision or barrier
// has changed. A lease changes without the revision, so its conditions are on `s`.
//
// Deadlocks: by the plans that PostgreSQL makes of them, sessions are locked in the order of the members, which the
// caller sorts by id. Nothing in SQL says so; should a plan lock them in another order, what waits gives up by $7 and
// is run again.
namespace authstate::storage::statements {

// The parts of which both statements below are made.
namespace commit_writes {

// `key_marks` is the parameter that kCommit has as $21.
template <std::size_t Size>
constexpr auto Old(const char (&key_marks)[Size]) {
  return JoinSql(commit_parts::kCommitClock.text, R"sql(
), old AS MATERIALIZED (
  SELECT i.*, clock.micros, clock.micros > $6::int8 AS late, s.revision AS seen_revision, s.present, s.barrier,
         s.recent_revisions[array_position(s.recent_ids, nullif(i.commit_id, 0))] AS replayed,
         s.fence, s.lease_owner AS owner, s.lease_owner <> '' AND s.lease_expires_at > now() AS live, s.applied_number,
         s.data_key
  FROM clock CROSS JOIN unnest((SELECT $1::text[]), (SELECT $2::int8[]), (SELECT $3::int8[]), (SELECT $4::int8[]),
                       (SELECT $5::int8[]), (SELECT )sql",
                 key_marks, R"sql(::bytea[])) WITH ORDINALITY
    AS i(session_id, expected_revision, commit_id, named_fence, number, key_mark, member)
  LEFT JOIN auth_sessions s ON s.session_id = i.session_id
))sql");
}

inline constexpr char kChangeOfSets[] = R"sql(, change AS (
  SELECT w.session_id, sum({number w})::int8 AS delta
  FROM unnest((SELECT $8::text[]), (SELECT $9::text[]), (SELECT $10::text[])) AS w(session_id, key_type, key_id)
  LEFT JOIN auth_keys k ON k.session_id = w.session_id AND k.key_type = w.key_type AND k.key_id = w.key_id
  WHERE k.session_id IS NULL
  GROUP BY w.session_id
))sql";

inline constexpr auto kChange = JoinSql(R"sql(, change AS (
  SELECT session_id, sum(delta)::int8 AS delta, bool_or(baseless) AS baseless
  FROM (
    SELECT w.session_id, CASE WHEN k.session_id IS NULL THEN {number w} END AS delta,
)sql",
                                        commit_parts::kSetsAndBases,
                                        R"sql(    UNION ALL
    SELECT d.session_id, -{number d}, false
)sql",
                                        commit_parts::kDeletedKeys,
                                        R"sql(
    UNION ALL
    SELECT n.session_id, {creds}, false
    FROM unnest((SELECT $1::text[]), (SELECT $16::int2[])) AS n(session_id, kind)
    LEFT JOIN auth_creds c ON c.session_id = n.session_id
    WHERE n.kind IS NOT NULL AND c.session_id IS NULL) AS c
  GROUP BY session_id
))sql");

inline constexpr auto kPassed = JoinSql(R"sql(, passed AS (
  UPDATE auth_sessions s
  SET revision = s.revision + 1, present = true, updated_at = now(),
      (recent_ids, recent_revisions, recent_times) =
        ()sql",
                                        commit_parts::RecentUnless("commit_id = 0").text,
                                        R"sql(),
      fence = CASE WHEN old.named_fence = 0 AND s.lease_owner <> '' THEN s.fence + 1 ELSE s.fence END,
      lease_owner = CASE WHEN old.named_fence = 0 THEN '' ELSE s.lease_owner END,
      applied_number =
        CASE WHEN old.named_fence = 0 THEN 0 WHEN old.number = 0 THEN s.applied_number ELSE old.number END,
      names = s.names + coalesce(change.delta, 0), names_revision = s.revision + 1
  FROM old LEFT JOIN change ON change.session_id = old.session_id
  WHERE s.session_id = old.session_id AND s.revision = old.seen_revision AND s.barrier = old.barrier
    AND s.names_revision = s.revision
    AND NOT old.late AND old.replayed IS NULL
    AND CASE WHEN old.named_fence = 0 THEN NOT (s.lease_owner <> '' AND s.lease_expires_at > now())
             ELSE s.lease_owner <> '' AND s.fence = old.named_fence END
    AND (old.number = 0 OR old.number = s.applied_number + 1)
    AND coalesce(old.expected_revision, s.revision) = s.revision
    AND substr(s.data_key, 1, 17) IS NOT DISTINCT FROM old.key_mark)sql");

// The last line is a second look at what may not come here, and the one place where those parameters have their types.
inline constexpr char kAndHasItsBases[] = R"sql(
    AND change.baseless IS NOT TRUE
    AND 0 = ALL ($18::int2[]) AND NOT true = ANY ($19::bool[]))sql";

inline constexpr char kReturning[] = R"sql(
  RETURNING s.session_id, s.revision
))sql";

inline constexpr auto kCredsAndDeletes = JoinSql(R"sql(, creds_set AS (
  INSERT INTO auth_creds (session_id, kind, value)
  SELECT p.session_id, c.kind, c.value
  FROM unnest((SELECT $1::text[]), (SELECT $16::int2[]), (SELECT $17::bytea[])) AS c(session_id, kind, value)
  JOIN passed p ON p.session_id = c.session_id
  WHERE c.kind IS NOT NULL
  ON CONFLICT (session_id) DO UPDATE SET kind = excluded.kind, value = excluded.value
))sql",
                                                 commit_parts::kKeysDeleted);

inline constexpr char kKeysSet[] = R"sql(, keys_set AS (
  INSERT INTO auth_keys (session_id, key_type, key_id, kind, value, changed_at)
  SELECT w.session_id, w.key_type, w.key_id, w.kind, w.value, now()
  FROM unnest((SELECT $8::text[]), (SELECT $9::text[]), (SELECT $10::text[]), (SELECT $11::int2[]),
              (SELECT $12::bytea[]))
    AS w(session_id, key_type, key_id, kind, value)
  JOIN passed p ON p.session_id = w.session_id
  ON CONFLICT (session_id, key_type, key_id) DO UPDATE
    SET kind = excluded.kind, value = excluded.value, patch = NULL, changed_at = excluded.changed_at
))sql";

inline constexpr char kAnswer[] = R"sql(
SELECT p.revision, coalesce(old.seen_revision, 0), coalesce(old.present, false), false, old.replayed,
       old.late, old.micros, coalesce(old.fence, 0), coalesce(old.owner, ''), coalesce(old.live, false),
       coalesce(old.applied_number, 0), CASE WHEN p.revision IS NULL THEN encode(old.data_key, 'hex') END
FROM old LEFT JOIN passed p ON p.session_id = old.session_id
ORDER BY old.member)sql";

}  // namespace commit_writes

// Commits creds and keys. In a loop within PostgreSQL 15, by kept plans, it takes two thirds of the processor time of
// kCommit for one member, three quarters for 16, four fifths for 64.
inline constexpr auto kCommitWrites =
    JoinSql(commit_writes::Old("$21").text, commit_writes::kChange.text, commit_writes::kPassed.text,
            commit_writes::kAndHasItsBases, commit_writes::kReturning, commit_writes::kCredsAndDeletes.text,
            commit_parts::kKeysSetOrPatched, commit_writes::kAnswer);

// Commits keys that are set whole, and nothing else: what Baileys mostly does. Parameters: the first twelve, and the
// marks of data keys. In the same loop it takes four fifths of kCommitWrites for one member, nine tenths for 64, and
// 0.95 for one member of 812 keys.
inline constexpr auto kCommitSets =
    JoinSql(commit_writes::Old("$13").text, commit_writes::kChangeOfSets, commit_writes::kPassed.text,
            commit_writes::kReturning, commit_writes::kKeysSet, commit_writes::kAnswer);

}  // namespace authstate::storage::statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_COMMIT_WRITES_STATEMENT_H_
