#ifndef AUTHSTATE_STORAGE_SQLITE_STATEMENTS_H_
#define AUTHSTATE_STORAGE_SQLITE_STATEMENTS_H_

// Every SQL statement of the SQLite driver; the tables are those of migrations/sqlite.
namespace authstate::storage::sql {

inline constexpr char kBegin[] = "BEGIN";
inline constexpr char kBeginImmediate[] = "BEGIN IMMEDIATE";
inline constexpr char kCommit[] = "COMMIT";
inline constexpr char kSavepoint[] = "SAVEPOINT member";
inline constexpr char kReleaseSavepoint[] = "RELEASE member";
inline constexpr char kRollBackToSavepoint[] = "ROLLBACK TO member";

inline constexpr char kSelectSession[] =
    "SELECT revision, present, updated_at, fence, lease_owner, lease_expires_at, lease_ttl, applied_number, "
    "recent_commits, data_key FROM auth_sessions WHERE session_id = ?1";
inline constexpr char kUpsertSession[] =
    "INSERT INTO auth_sessions (session_id, revision, present, updated_at, fence, lease_owner, lease_expires_at, "
    "lease_ttl, applied_number, recent_commits, data_key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
    "ON CONFLICT (session_id) DO UPDATE SET revision = ?2, present = ?3, updated_at = ?4, fence = ?5, "
    "lease_owner = ?6, lease_expires_at = ?7, lease_ttl = ?8, applied_number = ?9, recent_commits = ?10, "
    "data_key = ?11";
inline constexpr char kHasAnything[] =
    "SELECT EXISTS (SELECT 1 FROM auth_creds WHERE session_id = ?1) OR "
    "EXISTS (SELECT 1 FROM auth_keys WHERE session_id = ?1)";
inline constexpr char kHasCreds[] = "SELECT EXISTS (SELECT 1 FROM auth_creds WHERE session_id = ?1)";

inline constexpr char kSelectCreds[] = "SELECT kind, value FROM auth_creds WHERE session_id = ?1";
inline constexpr char kUpsertCreds[] =
    "INSERT INTO auth_creds (session_id, kind, value) VALUES (?1, ?2, ?3) "
    "ON CONFLICT (session_id) DO UPDATE SET kind = ?2, value = ?3";
inline constexpr char kDeleteCreds[] = "DELETE FROM auth_creds WHERE session_id = ?1";

inline constexpr char kSelectKey[] =
    "SELECT kind, value FROM auth_keys WHERE session_id = ?1 AND key_type = ?2 AND key_id = ?3";
inline constexpr char kUpsertKey[] =
    "INSERT INTO auth_keys (session_id, key_type, key_id, kind, value, changed_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6) "
    "ON CONFLICT (session_id, key_type, key_id) DO UPDATE SET kind = ?4, value = ?5, changed_at = ?6";
inline constexpr char kDeleteKey[] = "DELETE FROM auth_keys WHERE session_id = ?1 AND key_type = ?2 AND key_id = ?3";
inline constexpr char kDeleteAllKeys[] = "DELETE FROM auth_keys WHERE session_id = ?1";

inline constexpr char kSelectNames[] = "SELECT key_type, key_id FROM auth_keys WHERE session_id = ?1";

// key_type, key_id, kind, value, its length, changed_at of the keys after (?2, ?3)
inline constexpr char kSelectKeysAfter[] =
    "SELECT key_type, key_id, kind, value, length(value), changed_at FROM auth_keys WHERE session_id = ?1 AND "
    "(key_type, key_id) > (?2, ?3) "
    "ORDER BY key_type, key_id";

// session_id, revision, has creds, number of keys, updated_at, fence, owner, expiry and length of the lease, of the
// sessions after ?1 and in [?2, ?3); at most ?4. ?5: 1 for only those whose lease is live at ?6, of an owner that
// starts with ?10, written or not; 2 for all that have a row; 0 for those that exist, and those that do not and have
// values all the same, so that a row whose `present` is damaged does not hide its session. ?7: only those written no
// later. ?8, unless NULL: only those with creds (1) or without (0). The last column, if ?9, is the bytes stored.
inline constexpr char kListSessions[] =
    "SELECT session_id, revision, EXISTS (SELECT 1 FROM auth_creds c WHERE c.session_id = s.session_id), "
    "(SELECT count(*) FROM auth_keys k WHERE k.session_id = s.session_id), updated_at, fence, "
    "lease_owner, lease_expires_at, lease_ttl, "
    "CASE WHEN ?9 THEN (SELECT coalesce(sum(length(value)), 0) FROM auth_creds c WHERE c.session_id = s.session_id) + "
    "(SELECT coalesce(sum(length(value)), 0) FROM auth_keys k WHERE k.session_id = s.session_id) ELSE 0 END "
    "FROM auth_sessions s "
    "WHERE session_id > ?1 AND session_id >= ?2 AND session_id < ?3 "
    "AND CASE ?5 WHEN 2 THEN 1 WHEN 1 THEN lease_owner <> '' AND lease_expires_at > ?6 AND substr(lease_owner, 1, "
    "length(?10)) = ?10 "
    "ELSE present OR EXISTS (SELECT 1 FROM auth_creds c WHERE c.session_id = s.session_id) OR "
    "EXISTS (SELECT 1 FROM auth_keys k WHERE k.session_id = s.session_id) END "
    "AND updated_at <= ?7 "
    "AND (?8 IS NULL OR ?8 = EXISTS (SELECT 1 FROM auth_creds c WHERE c.session_id = s.session_id)) "
    "ORDER BY session_id LIMIT ?4";

// The version of the grants, and unless that is ?1 the grants; then one row at least.
inline constexpr char kListGrants[] =
    "SELECT v.version, grant_id, label, certificate_name, rights, scopes, terms_checksum, verifier, created_at, "
    "expires_at, revoked_at, last_used_at FROM auth_grants_version v LEFT JOIN auth_grants ON v.version <> ?1 "
    "ORDER BY grant_id";
// The same of the grant ?1, if there is one.
inline constexpr char kSelectGrant[] =
    "SELECT v.version, grant_id, label, certificate_name, rights, scopes, terms_checksum, verifier, created_at, "
    "expires_at, revoked_at, last_used_at FROM auth_grants_version v LEFT JOIN auth_grants ON grant_id = ?1";
inline constexpr char kUpsertGrant[] =
    "INSERT INTO auth_grants (grant_id, label, certificate_name, rights, scopes, terms_checksum, verifier, created_at, "
    "expires_at, revoked_at, last_used_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
    "ON CONFLICT (grant_id) DO UPDATE SET verifier = ?7, expires_at = ?9, revoked_at = ?10, last_used_at = ?11";
inline constexpr char kDeleteGrants[] = "DELETE FROM auth_grants";
inline constexpr char kSetGrantsVersion[] = "UPDATE auth_grants_version SET version = ?1";

inline constexpr char kSelectMaintenance[] =
    "SELECT version, maintenance_since, maintenance_reason, maintenance_hold_ms, maintenance_allowed, "
    "maintenance_opened FROM auth_grants_version";
inline constexpr char kSetMaintenance[] =
    "UPDATE auth_grants_version SET maintenance_since = ?1, maintenance_reason = ?2, maintenance_hold_ms = ?3, "
    "maintenance_allowed = ?4, maintenance_opened = ?5";
// The sessions whose lease had not ended at ?1.
inline constexpr char kSelectLeasedAt[] =
    "SELECT session_id FROM auth_sessions WHERE lease_owner <> '' AND lease_expires_at > ?1";

// The keys that sessions are, or may be, encrypted under.
inline constexpr char kSelectKeyring[] = "SELECT key_id, key_check FROM auth_keyring";
inline constexpr char kInsertKeyring[] = "INSERT INTO auth_keyring (key_id, key_check) VALUES (?1, ?2)";
// Removes those that nothing is under, but for ?1; their ids. In a wrapped key the id begins with the 90th byte
// (storage/sealing/data_key.h).
inline constexpr char kForgetKeys[] =
    "DELETE FROM auth_keyring WHERE key_id <> ?1 AND NOT EXISTS (SELECT 1 FROM auth_sessions "
    "WHERE substr(data_key, 90) = CAST(key_id AS BLOB)) AND NOT EXISTS (SELECT 1 FROM auth_orphans "
    "WHERE substr(data_key, 90) = CAST(key_id AS BLOB)) AND NOT EXISTS (SELECT 1 FROM auth_hidden_key_ids "
    "WHERE substr(wrapped, 90) = CAST(key_id AS BLOB)) RETURNING key_id";
// The key that hides key ids, wrapped, if there is one.
inline constexpr char kSelectHidingKey[] = "SELECT wrapped FROM auth_hidden_key_ids";
inline constexpr char kInsertHidingKey[] =
    "INSERT INTO auth_hidden_key_ids (wrapped) SELECT ?1 WHERE NOT EXISTS (SELECT 1 FROM auth_sessions WHERE present)";
inline constexpr char kRewrapHidingKey[] = "UPDATE auth_hidden_key_ids SET wrapped = ?2 WHERE wrapped = ?1";
// Existing sessions after ?1, at most ?2, with their wrapped data keys.
inline constexpr char kListDataKeys[] =
    "SELECT session_id, data_key FROM auth_sessions WHERE present AND session_id > ?1 ORDER BY session_id LIMIT ?2";
// When the key was last written stays what it was.
inline constexpr char kResealKey[] =
    "UPDATE auth_keys SET kind = ?4, value = ?5 WHERE session_id = ?1 AND key_type = ?2 AND key_id = ?3";
// Keeps away the versions that do not know what the migration of this name brought.
inline constexpr char kServeFrom[] =
    "UPDATE auth_schema_migrations SET serves_from = version WHERE name = ?1 AND serves_from < version";

inline constexpr char kPing[] = "SELECT version FROM auth_schema_migrations ORDER BY version DESC LIMIT 1";

// What tells the file from those of other stores; 0: nothing yet. It stands in the head of the file, so that copies of
// it have it too, and versions before leave it alone.
inline constexpr char kSelectStoreNumber[] = "PRAGMA application_id";
// Followed by the number.
inline constexpr char kSetStoreNumber[] = "PRAGMA application_id = ";

// Writes a page whatever it held before, and changes nothing: no version of ours uses this number.
inline constexpr char kTrialWrite[] = "PRAGMA user_version = 0";

// Puts what the log holds into the database file, as far as no reader still needs the older pages.
inline constexpr char kCheckpoint[] = "PRAGMA wal_checkpoint(PASSIVE)";

inline constexpr char kCreateMigrationsTable[] =
    "CREATE TABLE IF NOT EXISTS auth_schema_migrations (version INTEGER PRIMARY KEY NOT NULL, name TEXT NOT NULL, "
    "checksum TEXT NOT NULL, serves_from INTEGER NOT NULL, applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) STRICT";
inline constexpr char kSelectMigrations[] =
    "SELECT version, checksum, serves_from FROM auth_schema_migrations ORDER BY version";
inline constexpr char kInsertMigration[] =
    "INSERT INTO auth_schema_migrations (version, name, checksum, serves_from) VALUES (?1, ?2, ?3, ?4)";
inline constexpr char kDeleteMigration[] = "DELETE FROM auth_schema_migrations WHERE version = ?1";
// How many tables the file has that are not ours.
inline constexpr char kCountForeignTables[] =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
    "AND name <> 'auth_schema_migrations'";

}  // namespace authstate::storage::sql

#endif  // AUTHSTATE_STORAGE_SQLITE_STATEMENTS_H_
