#ifndef AUTHSTATE_STORAGE_POSTGRES_SQL_SEALING_STATEMENTS_H_
#define AUTHSTATE_STORAGE_POSTGRES_SQL_SEALING_STATEMENTS_H_

// The statements about the keys that sessions are encrypted under, and those that bring sessions under another key. As
// in statements.h, NativeLayout puts the schema before each table.
namespace authstate::storage::statements {

// The keys that data keys are, or may be, wrapped under: id and check.
inline constexpr char kKeyring[] = "SELECT key_id, encode(key_check, 'hex') FROM auth_keyring";

// Adds the key $1 with the check $2 unless it is there, and keeps away the versions that know no encrypted sessions.
inline constexpr char kRememberKey[] = R"sql(
WITH served AS (
  UPDATE auth_schema_migrations SET serves_from = version WHERE name = 'sealed_values' AND serves_from < version
)
INSERT INTO auth_keyring (key_id, key_check) VALUES ($1::text, $2::bytea) ON CONFLICT (key_id) DO NOTHING)sql";

// Removes the keys that nothing is under, but for $1; their ids. In a wrapped key the id begins with the 90th byte
// (storage/sealing/data_key.h).
inline constexpr char kForgetKeys[] = R"sql(
DELETE FROM auth_keyring q
WHERE q.key_id <> $1::text
  AND NOT EXISTS (SELECT FROM auth_sessions s WHERE substr(s.data_key, 90) = convert_to(q.key_id, 'UTF8'))
  AND NOT EXISTS (SELECT FROM auth_hidden_key_ids h WHERE substr(h.wrapped, 90) = convert_to(q.key_id, 'UTF8'))
RETURNING q.key_id)sql";

// The key that hides key ids, wrapped, if there is one.
inline constexpr char kHidingKey[] = "SELECT encode(wrapped, 'hex') FROM auth_hidden_key_ids";

// Makes $1 that key, unless there is one or there are sessions, and keeps away the versions that know no hidden ids.
inline constexpr char kHideKeyIds[] = R"sql(
WITH hidden AS (
  INSERT INTO auth_hidden_key_ids (wrapped)
    SELECT $1::bytea WHERE NOT EXISTS (SELECT FROM auth_sessions WHERE present)
    ON CONFLICT (one) DO NOTHING
  RETURNING one
)
UPDATE auth_schema_migrations SET serves_from = version
WHERE name = 'hidden_key_ids' AND serves_from < version AND EXISTS (SELECT FROM hidden))sql";

// Puts $2 in the place of the wrapped key $1.
inline constexpr char kRewrapHidingKey[] =
    "UPDATE auth_hidden_key_ids SET wrapped = $2::bytea WHERE wrapped = $1::bytea RETURNING one";

// Existing sessions after $1, at most $2, with their wrapped data keys.
inline constexpr char kListDataKeys[] = R"sql(
SELECT session_id, encode(data_key, 'hex') FROM auth_sessions
WHERE present AND session_id > $1::text
ORDER BY session_id
LIMIT $2::int8)sql";

// Puts $3 in the place of the wrapped data key $2 of session $1. Commits look at the data key and not at its wrapping.
inline constexpr char kRewrap[] =
    "UPDATE auth_sessions SET data_key = $3::bytea WHERE session_id = $1::text AND data_key = $2::bytea "
    "RETURNING session_id";

// The following are of one transaction, which holds the session's row: no commit passes meanwhile, and none that began
// before passes afterwards, as the barrier is raised.
//
// Locks the session $1, if it exists and has the wrapped data key $2 (empty: none).
inline constexpr char kLockToReseal[] =
    "SELECT session_id FROM auth_sessions "
    "WHERE session_id = $1::text AND present AND coalesce(data_key, '') = $2::bytea FOR UPDATE";
inline constexpr char kResealCreds[] =
    "UPDATE auth_creds SET kind = $2::int8, value = $3::bytea WHERE session_id = $1::text";
// $2 to $5: one element a key. When it was last written stays what it was.
inline constexpr char kResealKeys[] = R"sql(
UPDATE auth_keys k SET kind = w.kind, value = w.value, patch = NULL
FROM unnest($2::text[], $3::text[], $4::int2[], $5::bytea[]) AS w(key_type, key_id, kind, value)
WHERE k.session_id = $1::text AND k.key_type = w.key_type AND k.key_id = w.key_id)sql";
inline constexpr char kSetDataKey[] =
    "UPDATE auth_sessions SET data_key = nullif($2::bytea, ''), barrier = barrier + 1 WHERE session_id = $1::text";

}  // namespace authstate::storage::statements

#endif  // AUTHSTATE_STORAGE_POSTGRES_SQL_SEALING_STATEMENTS_H_
