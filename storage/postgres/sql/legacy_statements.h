#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_LEGACY_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_LEGACY_STATEMENTS_H_

#include "storage/postgres/sql/commit_parts.h"
#include "storage/postgres/sql/sql_text.h"

// The SQL statements of the legacy layout: the tables whatsapp_auth and whatsapp_keys, which other programs read and
// write too, and a companion of ours, authstate.legacy_sessions (migrations/postgres_legacy). Parameters and result
// columns are those of the native layout (statements.h), but that nothing is sealed; the values of the commit are JSON
// texts (legacy_value.h), and those that are read are too, so their kind is always 2.
//
// What others write. They know nothing of the companion, so a session exists when it has a row in one of the two
// tables, or when our last commit left it empty. And its revision does not move when they write; but a commit with an
// expected revision has to notice them. So the companion keeps a fingerprint: the sum of the marks of the session's
// rows as our commits left them, where a mark is a hash of a row's key and of the transaction that wrote it (xmin).
// Each commit moves it on by the rows it touches: less the marks of those it replaces or deletes, plus its own. A
// commit with an expected revision also adds up the marks of the rows that are there. When that is not the fingerprint,
// somebody else has written: it is Aborted, and the companion takes the actual sum over under a new revision, so that
// the caller can read and try again.
//
// Why no write of others goes unnoticed. Let D be the actual sum less the fingerprint. Our commits change both by the
// same amount and leave D as it is. A write of others changes D by the mark of the new version less that of the old,
// and no version of a row ever comes back, as no two transactions have the same id. So D returns to 0 only when others
// undo their writes without a trace (a row that they made and deleted again): then the rows are those of the revision
// that the caller expected. D may stay away from 0 when we overwrite what others wrote; that costs a needless Aborted,
// once. What is left is chance: a 64-bit hash, and transaction ids that repeat after 2^32 of them.
//
// Others may also write between the snapshot of a commit and its own writes. For a commit without an expected revision
// that is as if they had written before it. For one with an expected revision, the rows it touches are locked first,
// and have to be still those of the snapshot, or it is run again; and when an upsert comes upon a row that the snapshot
// did not have, legacy_lost_race() undoes the whole statement, which is then run again too. Rows that it does not touch
// may be written after its snapshot: that is as if they had been written after it.
//
// Leases bind the clients of authstate alone: the programs that use the tables today know nothing of them.
//
// Row locks are taken in the order of statements.h. Other programs lock rows in orders of their own: a deadlock with
// them is found by the database, and the statement is run again.
//
// Plans. While the tables have no statistics the planner takes every column for one of 200 values, and so some index
// that begins with another for as good as the primary key: a loop over thousands of keys would then read thousands of
// rows for each. So nothing between a key that is named and its row is made to look rarer than it is (such as a join
// with the few sessions); the planner then reads the rows of large commits by a hash. Statements over many keys are
// planned for themselves (Layout::PlanningFor), as a plan that is kept does not know how many there are.
//
// Collations. The ids of the two tables may have any; what is joined with them therefore has the default one, so that
// their indexes serve. What is ordered by bytes says so.
namespace authstate::storage::legacy_statements {

// The names beside `changed`: `touched` are the keys that the members name; `before` and `after` the marks of what they
// replace or delete, and of what they write; `actual` the marks of all rows, for members with an expected revision.
inline constexpr auto kCommit =
    JoinSql(statements::commit_parts::kCommitClock.text,
            R"sql(,
         txid_current() % 4294967296 AS version
), input AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $18::int2[], $2::int8[], $19::bool[], $16::int2[], $17::bytea[], $3::int8[],
                       $4::int8[], $5::int8[], $20::int8[], $21::text[], $22::text[]) WITH ORDINALITY
    AS i(session_id, action, expected_revision, clear_keys, creds_kind, creds_value, commit_id, named_fence, number,
         carried_revision, carried_ids, carried_revisions, member)
), touched AS MATERIALIZED (
  SELECT * FROM unnest($8::text[], $9::text[], $10::text[]) AS w(session_id, key_type, key_id)
  UNION ALL
  SELECT * FROM unnest($13::text[], $14::text[], $15::text[]) AS d(session_id, key_type, key_id)
), before AS (
  SELECT session_id, sum(mark) AS marks
  FROM (
    SELECT i.session_id, authstate.legacy_mark('', '', a.xmin::text::int8) AS mark
    FROM input i JOIN whatsapp_auth a ON a.company_id = i.session_id
    WHERE i.action <> 0 OR i.creds_kind IS NOT NULL
    UNION ALL
    SELECT i.session_id, authstate.legacy_mark(k.key_type, k.key_id, k.xmin::text::int8)
    FROM input i JOIN whatsapp_keys k ON k.company_id = i.session_id
    WHERE i.clear_keys OR i.action = 2
    UNION ALL
    SELECT t.session_id, authstate.legacy_mark(k.key_type, k.key_id, k.xmin::text::int8)
    FROM touched t
    JOIN whatsapp_keys k ON k.company_id = t.session_id AND k.key_type = t.key_type AND k.key_id = t.key_id
    WHERE t.session_id <> ALL (ARRAY(SELECT session_id FROM input WHERE clear_keys))) AS replaced
  GROUP BY session_id
), after AS (
  SELECT session_id, sum(mark) AS marks
  FROM (
    SELECT i.session_id, authstate.legacy_mark('', '', clock.version) AS mark
    FROM clock CROSS JOIN input i
    WHERE i.creds_kind IS NOT NULL
    UNION ALL
    SELECT w.session_id, authstate.legacy_mark(w.key_type, w.key_id, clock.version)
    FROM clock CROSS JOIN unnest($8::text[], $9::text[], $10::text[]) AS w(session_id, key_type, key_id)) AS written
  GROUP BY session_id
), actual AS (
  SELECT session_id, sum(mark) AS marks
  FROM (
    SELECT i.session_id, authstate.legacy_mark('', '', a.xmin::text::int8) AS mark
    FROM input i JOIN whatsapp_auth a ON a.company_id = i.session_id
    WHERE i.expected_revision IS NOT NULL
    UNION ALL
    SELECT i.session_id, authstate.legacy_mark(k.key_type, k.key_id, k.xmin::text::int8)
    FROM input i JOIN whatsapp_keys k ON k.company_id = i.session_id
    WHERE i.expected_revision IS NOT NULL) AS present
  GROUP BY session_id
), locked_sessions AS MATERIALIZED (
  SELECT s.session_id
  FROM input i JOIN authstate.legacy_sessions s ON s.session_id = i.session_id
  WHERE EXISTS (SELECT FROM input WHERE expected_revision IS NOT NULL)
  ORDER BY s.session_id
  FOR UPDATE OF s
), locked_creds AS MATERIALIZED (
  SELECT i.session_id, authstate.legacy_mark('', '', a.xmin::text::int8) AS mark
  FROM input i JOIN whatsapp_auth a ON a.company_id = i.session_id
  WHERE (SELECT count(*) FROM locked_sessions) >= 0
    AND i.expected_revision IS NOT NULL AND (i.action <> 0 OR i.creds_kind IS NOT NULL)
  ORDER BY i.session_id
  FOR UPDATE OF a
), locked_keys AS MATERIALIZED (
  SELECT i.session_id, k.key_type, k.key_id,
         authstate.legacy_mark(k.key_type, k.key_id, k.xmin::text::int8) AS mark
  FROM input i JOIN whatsapp_keys k ON k.company_id = i.session_id
  WHERE (SELECT count(*) FROM locked_creds) >= 0
    AND i.expected_revision IS NOT NULL
    AND (i.clear_keys OR i.action = 2 OR EXISTS (
      SELECT FROM touched t
      WHERE t.session_id = i.session_id AND t.key_type = k.key_type AND t.key_id = k.key_id))
  ORDER BY i.session_id, k.key_type, k.key_id
  FOR UPDATE OF k
), locked AS (
  SELECT session_id, sum(mark) AS marks
  FROM (SELECT session_id, mark FROM locked_creds UNION ALL SELECT session_id, mark FROM locked_keys) AS rows
  GROUP BY session_id
), old AS (
  SELECT i.*, coalesce(s.revision, 0) AS revision, coalesce(s.present AND s.fingerprint = 0, false) AS left_empty,
         EXISTS (SELECT FROM whatsapp_auth a WHERE a.company_id = i.session_id) AS has_creds,
         EXISTS (SELECT FROM whatsapp_keys k WHERE k.company_id = i.session_id) AS has_keys,
)sql",
            statements::commit_parts::kOldBarrierAndCommits,
            R"sql(         coalesce(s.fence, 0) AS fence, coalesce(s.lease_owner, '') AS owner,
         coalesce(s.lease_owner <> '' AND s.lease_expires_at > now(), false) AS live,
         coalesce(s.applied_number, 0) AS applied_number,
         CASE WHEN i.named_fence = 0 THEN coalesce(s.lease_owner = '' OR s.lease_expires_at <= now(), true)
              ELSE coalesce(s.lease_owner <> '' AND s.fence = i.named_fence, false) END
           AND (i.number = 0 OR i.number = coalesce(s.applied_number, 0) + 1) AS may_write,
         coalesce(s.fingerprint, 0) AS fingerprint,
         coalesce(before.marks, 0) AS removed, coalesce(after.marks, 0) AS added,
         coalesce(actual.marks, 0) AS actual, coalesce(locked.marks, 0) AS locked
  FROM clock CROSS JOIN input i
  LEFT JOIN authstate.legacy_sessions s ON s.session_id = i.session_id
  LEFT JOIN before ON before.session_id = i.session_id
  LEFT JOIN after ON after.session_id = i.session_id
  LEFT JOIN actual ON actual.session_id = i.session_id
  LEFT JOIN locked ON locked.session_id = i.session_id
), judged AS MATERIALIZED (
  SELECT old.*, has_creds OR has_keys OR left_empty AS present,
         NOT late AND replayed IS NULL AND may_write AND expected_revision IS NOT NULL AND expected_revision = revision
           AND actual <> fingerprint AS adopts,
         NOT late AND replayed IS NULL AND may_write
           AND (expected_revision IS NULL
                OR (expected_revision = revision AND actual = fingerprint AND locked = removed))
           AND (action IN (0, 3) OR (action = 1 AND has_creds)
                OR (action = 2 AND (has_creds OR has_keys OR left_empty OR carried_revision IS NOT NULL)))
           AND (carried_revision IS NULL OR carried_revision > revision) AS passes
  FROM old
), changed AS (
  INSERT INTO authstate.legacy_sessions AS s
    (session_id, revision, present, updated_at, fingerprint, recent_ids, recent_revisions, recent_times, barrier,
     fence, lease_owner, applied_number)
  SELECT session_id, CASE WHEN passes THEN coalesce(carried_revision, revision + 1) ELSE revision + 1 END,
         CASE WHEN passes THEN action <> 2 ELSE present END, now(),
         CASE WHEN passes THEN fingerprint - removed + added ELSE actual END,
         )sql",
            statements::commit_parts::RecentOrCarriedUnless("adopts OR commit_id = 0").text,
            R"sql(, barrier,
         CASE WHEN passes AND named_fence = 0 AND owner <> '' THEN fence + 1 ELSE fence END,
         CASE WHEN passes AND named_fence = 0 THEN '' ELSE owner END,
         CASE WHEN NOT passes THEN applied_number WHEN named_fence = 0 THEN 0
              WHEN number = 0 THEN applied_number ELSE number END
  FROM judged
  WHERE passes OR adopts
  ORDER BY session_id COLLATE "C"
)sql",
            statements::commit_parts::kReplaced,
            R"sql(,
        fingerprint = excluded.fingerprint
)sql",
            statements::commit_parts::kUnlessChanged,
            R"sql(), passed AS MATERIALIZED (
  SELECT judged.*, changed.revision AS new_revision
  FROM changed JOIN judged ON judged.session_id = changed.session_id
  WHERE judged.passes
), creds_deleted AS (
  DELETE FROM whatsapp_auth a USING passed p
  WHERE p.action <> 0 AND a.company_id = p.session_id
), creds_set AS (
  INSERT INTO whatsapp_auth AS a (company_id, creds, created_at, updated_at)
  SELECT session_id, convert_from(creds_value, 'UTF8')::jsonb, now(), now()
  FROM passed
  WHERE creds_kind IS NOT NULL
  ON CONFLICT (company_id) DO UPDATE SET creds = excluded.creds, updated_at = excluded.updated_at
  RETURNING a.company_id, a.xmax::text <> '0' AS replaced
), keys_cleared AS (
  DELETE FROM whatsapp_keys k USING passed p
  WHERE (p.clear_keys OR p.action = 2) AND k.company_id = p.session_id
    AND NOT EXISTS (
      SELECT FROM unnest($8::text[], $9::text[], $10::text[]) AS kept(session_id, key_type, key_id)
      WHERE kept.session_id = k.company_id AND kept.key_type = k.key_type AND kept.key_id = k.key_id)
), keys_deleted AS (
  DELETE FROM whatsapp_keys k
  USING unnest($13::text[], $14::text[], $15::text[]) AS d(session_id, key_type, key_id)
  WHERE CASE WHEN d.session_id = ANY (ARRAY(SELECT session_id FROM passed)) THEN true END  -- see "Plans"
    AND k.company_id = d.session_id AND k.key_type = d.key_type AND k.key_id = d.key_id
), keys_set AS (
  INSERT INTO whatsapp_keys AS k (company_id, key_type, key_id, value, created_at, updated_at, expires_at)
  SELECT w.session_id, w.key_type, w.key_id, convert_from(w.value, 'UTF8')::jsonb, now(), now(), NULL
  FROM unnest($8::text[], $9::text[], $10::text[], $11::int2[], $12::bytea[])
    AS w(session_id, key_type, key_id, kind, value)
  JOIN passed p ON p.session_id = w.session_id
  ON CONFLICT (company_id, key_type, key_id) DO UPDATE
    SET value = excluded.value, updated_at = excluded.updated_at, expires_at = NULL
  RETURNING k.company_id, k.key_type, k.key_id, k.xmax::text <> '0' AS replaced
), unseen AS (
  SELECT c.company_id
  FROM creds_set c JOIN input i ON i.session_id = c.company_id AND i.expected_revision IS NOT NULL
  WHERE c.replaced AND NOT EXISTS (SELECT FROM locked_creds l WHERE l.session_id = c.company_id)
  UNION ALL
  SELECT k.company_id
  FROM (
    SELECT company_id, key_type, key_id FROM keys_set WHERE replaced
    EXCEPT
    SELECT session_id, key_type, key_id FROM locked_keys) AS k
  JOIN input i ON i.session_id = k.company_id AND i.expected_revision IS NOT NULL
)
SELECT p.new_revision, CASE WHEN old.adopts AND c.revision IS NOT NULL THEN c.revision ELSE old.revision END,
       old.present, old.has_creds, old.replayed, old.late, old.micros,
       old.fence, old.owner, old.live, old.applied_number, NULL
FROM judged old
LEFT JOIN passed p ON p.session_id = old.session_id
LEFT JOIN changed c ON c.session_id = old.session_id
WHERE CASE WHEN EXISTS (SELECT FROM unseen) THEN authstate.legacy_lost_race() ELSE true END
ORDER BY old.member)sql");

inline constexpr char kRead[] = R"sql(
WITH request AS (
  SELECT * FROM unnest($1::text[], $2::bool[], $3::int8[]) WITH ORDINALITY
    AS r(session_id, want_creds, max_bytes, number)
), found AS (
  SELECT r.number, 0 AS place, a.creds AS value
  FROM request r JOIN whatsapp_auth a ON a.company_id = r.session_id
  WHERE r.want_creds
  UNION ALL
  SELECT w.number, w.place, k.value
  FROM unnest($4::int8[], $5::text[], $6::text[], $7::text[]) WITH ORDINALITY
    AS w(number, session_id, key_type, key_id, place)
  JOIN whatsapp_keys k ON k.company_id = w.session_id AND k.key_type = w.key_type AND k.key_id = w.key_id
), size AS (
  SELECT number, sum(authstate.legacy_value_bytes(value)) AS bytes FROM found GROUP BY number
)
SELECT r.number, -1, coalesce(s.revision, 0),
       EXISTS (SELECT FROM whatsapp_auth a WHERE a.company_id = r.session_id)
         OR EXISTS (SELECT FROM whatsapp_keys k WHERE k.company_id = r.session_id)
         OR coalesce(s.present AND s.fingerprint = 0, false),
       coalesce(z.bytes > r.max_bytes, false), NULL, NULL, coalesce(s.fence, 0), coalesce(s.lease_owner, ''),
       NULL
FROM request r
LEFT JOIN authstate.legacy_sessions s ON s.session_id = r.session_id
LEFT JOIN size z ON z.number = r.number
UNION ALL
SELECT r.number, f.place, NULL, NULL, NULL, 2, encode(convert_to(f.value::text, 'UTF8'), 'hex'), NULL, NULL, NULL
FROM found f JOIN request r ON r.number = f.number JOIN size z ON z.number = f.number
WHERE z.bytes <= r.max_bytes)sql";

inline constexpr char kList[] = R"sql(
WITH existing AS (
  SELECT company_id::text COLLATE "C" AS session_id FROM whatsapp_auth WHERE $5::int8 <> 1
  UNION
  SELECT company_id::text COLLATE "C" FROM whatsapp_keys WHERE $5::int8 <> 1
  UNION
  SELECT session_id FROM authstate.legacy_sessions
  WHERE CASE $5::int8 WHEN 0 THEN present AND fingerprint = 0 WHEN 2 THEN true
             ELSE lease_owner <> '' AND lease_expires_at > now() AND starts_with(lease_owner, $9::text) END
), page AS (
  SELECT session_id
  FROM existing
  WHERE session_id > $1::text AND session_id >= $2::text
    AND ($3::text = '' OR session_id < $3::text) AND starts_with(session_id, $2::text)
    AND ($6::int8 < 0 OR now() - $6::int8 * interval '1 microsecond' >= ALL (
      SELECT s.updated_at FROM authstate.legacy_sessions s WHERE s.session_id = existing.session_id
      UNION ALL
      SELECT a.updated_at FROM whatsapp_auth a WHERE a.company_id = existing.session_id COLLATE "default"
      UNION ALL
      SELECT max(k.updated_at) FROM whatsapp_keys k WHERE k.company_id = existing.session_id COLLATE "default"
      HAVING count(*) > 0))
    AND ($7::int8 < 0 OR ($7::int8 = 1) = EXISTS (
      SELECT FROM whatsapp_auth a WHERE a.company_id = existing.session_id COLLATE "default"))
  ORDER BY session_id
  LIMIT $4::int8
)
SELECT p.session_id, coalesce(s.revision, 0), a.company_id IS NOT NULL, k.number,
       (extract(epoch FROM greatest(s.updated_at, a.updated_at, k.updated_at)) * 1000000)::int8,
       coalesce(s.fence, 0), coalesce(s.lease_owner, ''),
       coalesce((extract(epoch FROM s.lease_expires_at) * 1000000)::int8, 0),
       coalesce((extract(epoch FROM s.lease_expires_at - clock_timestamp()) * 1000000)::int8, 0),
       CASE WHEN $8::int8 = 0 THEN 0 ELSE coalesce(pg_column_size(a.creds), 0) + k.bytes END
FROM page p
LEFT JOIN authstate.legacy_sessions s ON s.session_id = p.session_id
LEFT JOIN whatsapp_auth a ON a.company_id = p.session_id COLLATE "default"
CROSS JOIN LATERAL (
  SELECT count(*) AS number, max(k.updated_at) AS updated_at,
         coalesce(sum(CASE WHEN $8::int8 <> 0 THEN pg_column_size(k.value) END), 0) AS bytes
  FROM whatsapp_keys k
  WHERE k.company_id = p.session_id COLLATE "default") AS k
ORDER BY p.session_id)sql";

inline constexpr char kSnapshotHead[] = R"sql(
SELECT coalesce(s.revision, 0),
       a.company_id IS NOT NULL
         OR EXISTS (SELECT FROM whatsapp_keys k WHERE k.company_id = asked.session_id)
         OR coalesce(s.present AND s.fingerprint = 0, false),
       CASE WHEN a.company_id IS NOT NULL AND $2::int8 <> 0 THEN 2 END,
       CASE WHEN $2::int8 <> 0 THEN encode(convert_to(a.creds::text, 'UTF8'), 'hex') END,
       coalesce(s.fence, 0), coalesce(s.lease_owner, ''), NULL, NULL,
       array_to_string(s.recent_ids, ','), array_to_string(s.recent_revisions, ',')
FROM (SELECT $1::text AS session_id) AS asked
LEFT JOIN authstate.legacy_sessions s ON s.session_id = asked.session_id
LEFT JOIN whatsapp_auth a ON a.company_id = asked.session_id)sql";

inline constexpr char kSnapshotPage[] = R"sql(
SELECT key_type, key_id, CASE WHEN chosen THEN 2 END,
       CASE WHEN chosen AND $9::int8 <> 0 THEN encode(convert_to(value::text, 'UTF8'), 'hex') END, keys, 0,
       pg_column_size(value), (extract(epoch FROM updated_at) * 1000000)::int8
FROM (
  SELECT key_type, key_id, value, updated_at, chosen, count(*) OVER () AS keys,
         row_number() OVER in_order AS number,
         sum(CASE WHEN chosen THEN CASE WHEN $9::int8 = 0 THEN 0 ELSE authstate.legacy_value_bytes(value) END
                                   + octet_length(key_type) + octet_length(key_id) + $6::int8 ELSE 0 END)
           OVER in_order AS bytes
  FROM (
    SELECT key_type::text COLLATE "C" AS key_type, key_id::text COLLATE "C" AS key_id, value, updated_at,
           (cardinality($7::text[]) = 0 OR key_type::text = ANY ($7::text[]))
             AND ($8::int8 < 0 OR coalesce(updated_at <= now() - $8::int8 * interval '1 microsecond', false)) AS chosen
    FROM whatsapp_keys
    WHERE company_id = $1::text
      AND (key_type::text COLLATE "C", key_id::text COLLATE "C") > ($2::text, $3::text)
    ORDER BY key_type::text COLLATE "C", key_id::text COLLATE "C"
    LIMIT $5::int8 + 1) AS candidate
  WINDOW in_order AS (ORDER BY key_type, key_id ROWS UNBOUNDED PRECEDING)) AS measured
WHERE number = 1 OR (bytes <= $4::int8 AND number <= $5::int8)
ORDER BY number)sql";

// Deletes the keys of the types $1 whose stamp has passed, or, when $2 is not 0, only counts them. $3: how long it may
// wait for a lock, in ms. Rows: type, number. Each session's revision moves on, and a lease that has expired ends, as
// with any commit that names no fence; one whose lease is live, or that lost the race for its row of the companion,
// keeps its keys.
inline constexpr char kPurge[] = R"sql(
WITH clock AS MATERIALIZED (
  SELECT set_config('lock_timeout', $3::text, true) AS lock_timeout
), expired AS MATERIALIZED (
  SELECT k.company_id::text COLLATE "default" AS session_id, k.key_type, k.key_id,
         authstate.legacy_mark(k.key_type, k.key_id, k.xmin::text::int8) AS mark
  FROM clock CROSS JOIN whatsapp_keys k
  WHERE k.expires_at < now() AND k.key_type = ANY ($1::text[])
    AND NOT EXISTS (
      SELECT FROM authstate.legacy_sessions s
      WHERE s.session_id = k.company_id::text COLLATE "default" AND s.lease_owner <> '' AND s.lease_expires_at > now())
), changed AS (
  INSERT INTO authstate.legacy_sessions AS s
    (session_id, revision, present, updated_at, fingerprint, barrier, fence, lease_owner, applied_number)
  SELECT e.session_id, coalesce(s.revision, 0) + 1, true, now(), coalesce(s.fingerprint, 0) - e.marks,
         coalesce(s.barrier, 0), coalesce(CASE WHEN s.lease_owner <> '' THEN s.fence + 1 ELSE s.fence END, 0), '', 0
  FROM (SELECT session_id, sum(mark) AS marks FROM expired GROUP BY session_id) AS e
  LEFT JOIN authstate.legacy_sessions s ON s.session_id = e.session_id
  WHERE $2::int8 = 0
  ORDER BY e.session_id COLLATE "C"
  ON CONFLICT (session_id) DO UPDATE
    SET revision = excluded.revision, updated_at = excluded.updated_at, fingerprint = excluded.fingerprint,
        fence = excluded.fence, lease_owner = excluded.lease_owner, applied_number = excluded.applied_number
    WHERE s.revision = excluded.revision - 1 AND s.barrier = excluded.barrier
      AND CASE WHEN s.lease_owner <> '' THEN s.fence = excluded.fence - 1 AND s.lease_expires_at <= now()
               ELSE s.fence = excluded.fence END
  RETURNING s.session_id
), deleted AS (
  DELETE FROM whatsapp_keys k USING expired e, changed c
  WHERE c.session_id = e.session_id AND k.company_id = e.session_id
    AND k.key_type = e.key_type AND k.key_id = e.key_id AND k.expires_at < now()
  RETURNING k.key_type::text AS key_type
)
SELECT key_type, count(*) FROM deleted GROUP BY key_type
UNION ALL
SELECT key_type::text, count(*) FROM expired WHERE $2::int8 <> 0 GROUP BY key_type)sql";

}  // namespace authstate::storage::legacy_statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_LEGACY_STATEMENTS_H_
