#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_STATEMENTS_H_

#include "storage/postgres/sql/commit_parts.h"
#include "storage/postgres/sql/sql_text.h"

// Every SQL statement of the native layout, but its schema (migrations/postgres). Parameters are binary (pg_array.h).
// Values come back as hex by encode(), whose form no setting of the database changes.
//
// The tables (auth_sessions, auth_creds, auth_keys) stand here without the schema that holds them: NativeLayout puts it
// before each, so that no statement depends on a search path. Nothing else in a statement may begin with `auth_`.
//
// Plans. unnest($1) is planned for as many rows as the array has, so a plan for the parameters at hand looks cheaper
// than one for any, and PostgreSQL plans a prepared statement anew with every execution: for these, that takes twice as
// long as to run them. unnest((SELECT $1)) is planned for the same number of rows either way, so that the plan is kept
// (measured: a commit of one key takes 0.2 ms of the processor instead of 0.85, a read of one 0.15 instead of 0.4).
// What is joined is found by primary key or by hash, whatever the number.
namespace authstate::storage::statements {

// Commits many sessions, each at most once, in one statement that commits by itself. $1 to $5, $16 to $19, $21 to $25:
// one element a member; $8 to $12 and $20: keys to set; $13 to $15: keys to delete; no key is named twice, nor set and
// deleted. $3: the id of the commit, $4 and $5: fence and number, 0 for none. $6: the instant by the clock of the
// database after which the statement must not begin. $7: how long it may wait for a lock, in ms. Actions ($18): 0
// write, 1 delete the creds, 2 delete the session, 3 write without creds. What the statements for less need
// (commit_writes_statement.h) comes first.
//
// One row a member: the new revision if it passed; of the snapshot the revision, whether the session is present and
// whether it has creds; the revision of the earlier commit with the same id, if there is one; whether it was too late;
// the clock of the database; of the snapshot fence, owner, whether the lease is live, and the applied number; and
// unless it passed, the session's wrapped data key. A member that lost a race yields none of the reasons not to pass;
// the caller runs it again.
//
// All parts of the statement see the snapshot of its beginning, also after `passed` has waited for a concurrent commit
// of a session: a deletion would not see the keys that this commit wrote. So a member passes only when the session
// still has the revision of the snapshot; every change of a session changes its revision, so then what the other parts
// see is what is there. And only when it still has the barrier of the snapshot (commit_resolution.h). `clock` is read
// after the snapshot was taken: a statement that is not too late has a snapshot of no later than $6.
//
// Leases (storage/lease.h): a member passes under its fence, or without one where no lease is live; then it ends an
// expired one. The row is held to that again once it is locked, as a lease changes without the revision. A member whose
// number was applied before yields no row in `passed` either.
//
// Patches (storage/postgres/layout/value_patch.h): where $20 has the mark of a base, $12 has a patch relative to it. A
// member passes only if all its bases are in the snapshot; so they are in the row that is locked, as the revision is.
// The column that holds a base keeps its value, which PostgreSQL then does not write again. The caller sees a member
// that does not pass for its bases as one that lost a race, and runs it again with whole values.
//
// Data keys (storage/sealing/session_keys.h): values were sealed with the data key whose mark $21 has, or not at all
// where it is NULL, and a write passes only if that is what the session has in the snapshot. Who changes that, and not
// the revision, raises the barrier, so it is what the row has that is locked. $22, unless it is NULL, becomes the data
// key of a session that is not present. A wrapping is not looked at: the row keeps the one that it has by then.
//
// Carried over ($23 to $25): the revision, unless it is NULL, and the last commits, as texts of arrays.
//
// Names: a session knows the sum over the names of all that it has ({number …} in native_layout.cc), as long as
// names_revision is its revision; a server of the version before moves only that. Then what is there is counted anew.
//
// Deadlocks: sessions are locked in the order of their id, and creds and keys are touched only under the lock of their
// session.
inline constexpr auto kCommit = JoinSql(
    commit_parts::kCommitClock.text,
    R"sql(
), input AS (
  SELECT * FROM unnest((SELECT $1::text[]), (SELECT $18::int2[]), (SELECT $2::int8[]), (SELECT $19::bool[]),
                       (SELECT $16::int2[]), (SELECT $17::bytea[]), (SELECT $3::int8[]), (SELECT $4::int8[]),
                       (SELECT $5::int8[]), (SELECT $21::bytea[]), (SELECT $22::bytea[]), (SELECT $23::int8[]),
                       (SELECT $24::text[]), (SELECT $25::text[])) WITH ORDINALITY
    AS i(session_id, action, expected_revision, clear_keys, creds_kind, creds_value, commit_id, fence, number, key_mark,
         new_key, carried_revision, carried_ids, carried_revisions, member)
), old AS (
  SELECT i.member, i.session_id, i.action, i.expected_revision, i.commit_id, i.clear_keys, i.creds_kind,
         i.carried_revision, i.carried_ids, i.carried_revisions,
         coalesce(s.revision, 0) AS revision, coalesce(s.present, false) AS present,
         EXISTS (SELECT FROM auth_creds c WHERE c.session_id = i.session_id) AS has_creds,
)sql",
    commit_parts::kOldBarrierAndCommits,
    R"sql(         i.fence AS named_fence, i.number, coalesce(s.fence, 0) AS fence, coalesce(s.lease_owner, '') AS owner,
         coalesce(s.lease_owner <> '' AND s.lease_expires_at > now(), false) AS live,
         coalesce(s.applied_number, 0) AS applied_number, i.key_mark, i.new_key, s.data_key,
         CASE WHEN s.names_revision = s.revision THEN s.names ELSE {names i} END AS names
  FROM clock CROSS JOIN input i LEFT JOIN auth_sessions s ON s.session_id = i.session_id
), change AS (
  SELECT session_id, sum(delta)::int8 AS delta, sum(number)::int8 AS set_names, bool_or(baseless) AS baseless
  FROM (
    SELECT w.session_id, CASE WHEN k.session_id IS NULL THEN {number w} END AS delta, {number w} AS number,
)sql",
    commit_parts::kSetsAndBases,
    R"sql(    UNION ALL
    SELECT d.session_id, -{number d}, 0, false
)sql",
    commit_parts::kDeletedKeys,
    R"sql() AS c
  GROUP BY session_id
), passed AS (
  INSERT INTO auth_sessions AS s
    (session_id, revision, present, updated_at, recent_ids, recent_revisions, recent_times, barrier, fence, lease_owner,
     applied_number, names, names_revision, data_key)
  SELECT session_id, coalesce(carried_revision, revision + 1), action <> 2, now(),
         )sql",
    commit_parts::RecentOrCarriedUnless("commit_id = 0").text,
    R"sql(, barrier,
         CASE WHEN named_fence = 0 AND owner <> '' THEN fence + 1 ELSE fence END,
         CASE WHEN named_fence = 0 THEN '' ELSE owner END,
         CASE WHEN named_fence = 0 THEN 0 WHEN number = 0 THEN applied_number ELSE number END,
         CASE action WHEN 2 THEN 0 WHEN 1 THEN names - {creds}
           ELSE CASE WHEN clear_keys THEN CASE WHEN has_creds THEN {creds} ELSE 0 END + coalesce(set_names, 0)
                     ELSE names + coalesce(delta, 0) END
                - CASE WHEN action = 3 AND has_creds THEN {creds} ELSE 0 END
                + CASE WHEN creds_kind IS NOT NULL AND NOT has_creds THEN {creds} ELSE 0 END END,
         coalesce(carried_revision, revision + 1), new_key
  FROM old LEFT JOIN change USING (session_id)
  WHERE NOT late AND replayed IS NULL
    AND CASE WHEN named_fence = 0 THEN NOT live ELSE owner <> '' AND fence = named_fence END
    AND (number = 0 OR number = applied_number + 1)
    AND (expected_revision IS NULL OR expected_revision = revision)
    AND (action IN (0, 3) OR (action = 1 AND has_creds) OR (action = 2 AND (present OR carried_revision IS NOT NULL)))
    AND (carried_revision IS NULL OR carried_revision > revision)
    AND baseless IS NOT TRUE
    AND (action NOT IN (0, 3) OR substr(data_key, 1, 17) IS NOT DISTINCT FROM key_mark) AND (new_key IS NULL OR NOT present)
  ORDER BY session_id COLLATE "C"
)sql",
    commit_parts::kReplaced,
    R"sql(,
        names = excluded.names, names_revision = excluded.names_revision,
        data_key = CASE WHEN excluded.present THEN coalesce(excluded.data_key, s.data_key) END
)sql",
    commit_parts::kUnlessChanged,
    R"sql(), creds_deleted AS (
  DELETE FROM auth_creds c USING passed p, input i
  WHERE i.session_id = p.session_id AND i.action <> 0 AND c.session_id = p.session_id
), creds_set AS (
  INSERT INTO auth_creds (session_id, kind, value)
  SELECT p.session_id, i.creds_kind, i.creds_value
  FROM passed p JOIN input i ON i.session_id = p.session_id
  WHERE i.creds_kind IS NOT NULL
  ON CONFLICT (session_id) DO UPDATE SET kind = excluded.kind, value = excluded.value
), keys_cleared AS (
  DELETE FROM auth_keys k USING passed p, input i
  WHERE i.session_id = p.session_id AND (i.clear_keys OR i.action = 2) AND k.session_id = p.session_id
    AND NOT EXISTS (
      SELECT FROM unnest((SELECT $8::text[]), (SELECT $9::text[]), (SELECT $10::text[]))
        AS kept(session_id, key_type, key_id)
      WHERE kept.session_id = k.session_id AND kept.key_type = k.key_type AND kept.key_id = k.key_id)
))sql",
    commit_parts::kKeysDeleted, commit_parts::kKeysSetOrPatched,
    R"sql(
SELECT p.revision, old.revision, old.present, old.has_creds, old.replayed, old.late, old.micros,
       old.fence, old.owner, old.live, old.applied_number,
       CASE WHEN p.revision IS NULL THEN encode(old.data_key, 'hex') END
FROM old LEFT JOIN passed p ON p.session_id = old.session_id
ORDER BY old.member)sql");

// Raises the barrier of the sessions $1, each named once, and tells what became of one commit of each, by its id ($2).
// $3: how long it may wait for a lock, in ms. One row a session, in order: the revision that the commit led to, NULL
// when it is not among the last ones; when the oldest of those ran if there are as many as are kept, else NULL; the
// clock of the database, read before any barrier was raised; and the session's revision, fence, and highest number
// applied under that. The rows are those that the statement itself has written, so they show every commit that the
// barrier does not shut out.
inline constexpr auto kResolve = JoinSql(commit_parts::kClock.text, R"sql($3::text, true) AS lock_timeout
), asked AS (
  SELECT * FROM clock CROSS JOIN unnest($1::text[], $2::int8[]) WITH ORDINALITY AS a(session_id, commit_id, member)
), raised AS (
  INSERT INTO auth_sessions AS s (session_id, revision, present, updated_at, barrier)
  SELECT session_id, 0, false, now(), 1
  FROM asked
  ORDER BY session_id COLLATE "C"
  ON CONFLICT (session_id) DO UPDATE SET barrier = s.barrier + 1
  RETURNING s.session_id, s.recent_ids, s.recent_revisions, s.recent_times, s.revision, s.fence, s.applied_number
)
SELECT raised.recent_revisions[array_position(raised.recent_ids, asked.commit_id)], raised.recent_times[8], asked.micros,
       raised.revision, raised.fence, raised.applied_number
FROM asked JOIN raised ON raised.session_id = asked.session_id
ORDER BY asked.member)sql");

// Reads many sessions from one snapshot. $1 to $3: one element a request; $4 to $7: the wanted keys, $4 telling the
// request (from 1). Rows: request, place, revision, present, too large, kind, value, fence, owner, the session's
// wrapped data key. One row with place -1 a request; then, unless it is too large, a row of place 0 for its creds, and
// of place n for the n-th of all wanted keys. A compressed value begins with its length (storage/packed_value.h), and
// so does a patch. Neither that nor octet_length reads the whole of a long value, so what is too large is not even
// loaded. A patched value is base and patch, divided by a stroke (row.h).
inline constexpr char kRead[] = R"sql(
WITH request AS (
  SELECT * FROM unnest((SELECT $1::text[]), (SELECT $2::bool[]), (SELECT $3::int8[])) WITH ORDINALITY
    AS r(session_id, want_creds, max_bytes, number)
), found AS (
  SELECT r.number, 0 AS place, c.kind, c.value, NULL::bytea AS patch
  FROM request r JOIN auth_creds c ON c.session_id = r.session_id
  WHERE r.want_creds
  UNION ALL
  SELECT w.number, w.place, k.kind, k.value, k.patch
  FROM unnest((SELECT $4::int8[]), (SELECT $5::text[]), (SELECT $6::text[]), (SELECT $7::text[])) WITH ORDINALITY
    AS w(number, session_id, key_type, key_id, place)
  JOIN auth_keys k ON k.session_id = w.session_id AND k.key_type = w.key_type AND k.key_id = w.key_id
), size AS (
  SELECT number,
         sum(CASE WHEN kind > 2 THEN
               ('x' || encode(substr(CASE WHEN kind IN (5, 6, 9, 10) THEN coalesce(patch, '') ELSE value END,
                                   1, 4), 'hex'))::bit(32)::int
             ELSE octet_length(value) END) AS bytes
  FROM found GROUP BY number
)
SELECT r.number, -1, coalesce(s.revision, 0), coalesce(s.present, false), coalesce(z.bytes > r.max_bytes, false),
       NULL, NULL, coalesce(s.fence, 0), coalesce(s.lease_owner, ''), encode(s.data_key, 'hex')
FROM request r LEFT JOIN auth_sessions s ON s.session_id = r.session_id LEFT JOIN size z ON z.number = r.number
UNION ALL
SELECT r.number, f.place, NULL, NULL, NULL, f.kind,
       encode(f.value, 'hex') || CASE WHEN f.kind IN (5, 6, 9, 10) THEN '/' || encode(f.patch, 'hex') ELSE '' END,
       NULL, NULL, NULL
FROM found f JOIN request r ON r.number = f.number JOIN size z ON z.number = f.number
WHERE z.bytes <= r.max_bytes)sql";

// Those of the sessions $1 that have not what they should have, or have something though they do not exist.
inline constexpr char kDamaged[] = R"sql(
SELECT a.session_id FROM unnest($1::text[]) AS a(session_id)
LEFT JOIN auth_sessions s ON s.session_id = a.session_id
WHERE CASE WHEN s.present AND s.names_revision = s.revision THEN s.names <> {names a}
           WHEN s.present THEN false
           ELSE {names a} <> 0 END)sql";

// Existing sessions after $1, from $2 on and below $3 (if not empty) that start with $2; at most $4: those too that
// have values and are said not to exist, so that a row whose `present` is damaged does not hide its session. Where $5
// is 1: those whose lease is live, of an owner that starts with $9, written or not; where it is 2, all that have a row.
// $6: only those written at least so long ago (EncodePgAge). $7: only those with creds (1), or without (0); -1: either.
// The last columns are those of ToLease (row.h) and, unless $8 is 0, how many bytes are stored, which reads none of the
// long values.
//
// First the page, then what its sessions have: each key is looked at once, and in the index alone unless sizes are
// wanted. Creds are counted, where EXISTS would say the same, as PostgreSQL answers that for all sessions at once: it
// would read the creds of every session for every page.
inline constexpr char kList[] = R"sql(
SELECT s.session_id, s.revision, has.creds > 0, has.keys,
       (extract(epoch FROM s.updated_at) * 1000000)::int8, s.fence, s.lease_owner,
       (extract(epoch FROM s.lease_expires_at) * 1000000)::int8,
       (extract(epoch FROM s.lease_expires_at - clock_timestamp()) * 1000000)::int8, has.bytes
FROM (
  SELECT s.session_id, s.revision, s.updated_at, s.fence, s.lease_owner, s.lease_expires_at
  FROM auth_sessions s
  WHERE CASE $5::int8
          WHEN 0 THEN s.present OR (SELECT true FROM auth_creds c WHERE c.session_id = s.session_id)
            OR (SELECT true FROM auth_keys k WHERE k.session_id = s.session_id LIMIT 1)
          WHEN 2 THEN true
          ELSE s.lease_owner <> '' AND s.lease_expires_at > now() AND starts_with(s.lease_owner, $9::text) END
    AND s.session_id > $1::text AND s.session_id >= $2::text
    AND ($3::text = '' OR s.session_id < $3::text) AND starts_with(s.session_id, $2::text)
    AND ($6::int8 < 0 OR s.updated_at <= now() - $6::int8 * interval '1 microsecond')
    AND ($7::int8 < 0 OR $7::int8 = (SELECT count(*) FROM auth_creds c WHERE c.session_id = s.session_id))
  ORDER BY s.session_id
  LIMIT $4::int8) AS s
CROSS JOIN LATERAL (
  SELECT (SELECT count(*) FROM auth_creds c WHERE c.session_id = s.session_id) AS creds,
         (SELECT count(*) FROM auth_keys k WHERE k.session_id = s.session_id) AS keys, 0::int8 AS bytes
  WHERE $8::int8 = 0
  UNION ALL
  SELECT c.number, k.number, c.bytes + k.bytes
  FROM (SELECT count(*) AS number, coalesce(sum(octet_length(c.value)), 0) AS bytes
        FROM auth_creds c WHERE c.session_id = s.session_id) AS c
  CROSS JOIN (SELECT count(*) AS number,
                     coalesce(sum(octet_length(k.value) + coalesce(octet_length(k.patch), 0)), 0) AS bytes
              FROM auth_keys k WHERE k.session_id = s.session_id) AS k
  WHERE $8::int8 <> 0) AS has
ORDER BY s.session_id)sql";

// Which server process runs the statement; and a transaction to hold it in.
inline constexpr char kBackendProcess[] = "SELECT pg_backend_pid()";
inline constexpr char kBeginProbe[] = "BEGIN READ ONLY";
inline constexpr char kEndProbe[] = "ROLLBACK";

// Whether the session takes no writes: `on` or `off`.
inline constexpr char kPing[] = "SELECT current_setting('transaction_read_only')";

// $S and $L: how long each of its statements may take, and wait for a lock, in milliseconds. It holds no lock that
// writers wait for; but where nobody is left to end it, it would keep the database from clearing away dead rows.
inline constexpr char kBeginSnapshot[] =
    "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; "
    "SET LOCAL lock_timeout = $L; SET LOCAL statement_timeout = $S; SET LOCAL idle_in_transaction_session_timeout = "
    "'10min'";
inline constexpr char kEndSnapshot[] = "ROLLBACK";

// Revision, present, the creds' kind and value (unless $2 is 0), fence and owner, the sum over the names without
// the creds' (NULL: not known), the wrapped data key, and the last commits, of session $1; no row when it was never
// written. The last condition has the table of keys locked with the others, against changes of it: no page has to wait
// for that.
inline constexpr char kSnapshotHead[] = R"sql(
SELECT s.revision, s.present, CASE WHEN $2::int8 <> 0 THEN c.kind END,
       CASE WHEN $2::int8 <> 0 THEN encode(c.value, 'hex') END, s.fence, s.lease_owner,
       CASE WHEN s.names_revision = s.revision THEN
         s.names - CASE WHEN c.session_id IS NULL THEN 0 ELSE {creds} END END,
       encode(s.data_key, 'hex'), array_to_string(s.recent_ids, ','), array_to_string(s.recent_revisions, ',')
FROM auth_sessions s LEFT JOIN auth_creds c ON c.session_id = s.session_id
WHERE s.session_id = $1::text AND NOT EXISTS (SELECT FROM auth_keys WHERE false))sql";

// The keys of session $1 after ($2, $3): as many as fit $4 bytes with their names and $6 each, at least one, at most
// $5. Asked for are those of the types $7 (empty: all) that were written at least so long ago as $8 says (EncodePgAge);
// the others come too, without a kind, and count no bytes: the names of all tell whether the session is whole. Unless
// $9 is 0, with their values. Columns: type, id, kind, value, how many keys were looked at, at most one more than $5
// (as many as there are rows means that none is left), what the name counts, the bytes stored, and when the key was
// written.
inline constexpr char kSnapshotPage[] = R"sql(
SELECT key_type, key_id, CASE WHEN chosen THEN kind END,
       CASE WHEN chosen AND $9::int8 <> 0
            THEN encode(value, 'hex') || CASE WHEN kind IN (5, 6, 9, 10) THEN '/' || encode(patch, 'hex') ELSE '' END
       END,
       keys, {number measured}, octet_length(value) + coalesce(octet_length(patch), 0),
       (extract(epoch FROM changed_at) * 1000000)::int8
FROM (
  SELECT key_type, key_id, kind, value, patch, changed_at, chosen, count(*) OVER () AS keys,
         row_number() OVER in_order AS number,
         sum(CASE WHEN chosen THEN
               CASE WHEN $9::int8 = 0 THEN 0
                    WHEN kind > 2 THEN
                      ('x' || encode(substr(CASE WHEN kind IN (5, 6, 9, 10) THEN coalesce(patch, '') ELSE value END,
                                          1, 4), 'hex'))::bit(32)::int
                    ELSE octet_length(value) END
               + octet_length(key_type) + octet_length(key_id) + $6::int8 ELSE 0 END) OVER in_order AS bytes
  FROM (
    SELECT key_type, key_id, kind, value, patch, changed_at,
           (cardinality($7::text[]) = 0 OR key_type = ANY ($7::text[]))
             AND ($8::int8 < 0 OR coalesce(changed_at <= now() - $8::int8 * interval '1 microsecond', false)) AS chosen
    FROM auth_keys
    WHERE session_id = $1::text AND (key_type, key_id) > ($2::text, $3::text)
    ORDER BY key_type, key_id
    LIMIT $5::int8 + 1) AS candidate
  WINDOW in_order AS (ORDER BY key_type, key_id ROWS UNBOUNDED PRECEDING)) AS measured
WHERE number = 1 OR (bytes <= $4::int8 AND number <= $5::int8)
ORDER BY number)sql";

}  // namespace authstate::storage::statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_STATEMENTS_H_
