#ifndef AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_STATEMENTS_H_
#define AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_STATEMENTS_H_

// The statements of a near store (storage/near/near_store.h); the tables are those of migrations/sqlite/0009_homes.sql,
// and of what follows on it.
namespace authstate::storage::sql {

inline constexpr char kSelectNearStore[] = "SELECT id, far_id, far_layout FROM auth_near_store";
inline constexpr char kInsertNearStore[] = "INSERT INTO auth_near_store (id, far_id) VALUES (?1, '')";
inline constexpr char kSetFarId[] = "UPDATE auth_near_store SET far_id = ?1";
inline constexpr char kSetFarLayout[] = "UPDATE auth_near_store SET far_layout = ?1";

// The columns of a home, with those of its session: revision, and its lease. Unflushed bytes are about those of the
// values that changed.
#define AUTHSTATE_HOME_COLUMNS                                                                                    \
  "h.session_id, h.state, h.far_fence, h.far_number, h.flushed_revision, h.dirty_since, h.whole, "                \
  "coalesce(s.revision, 0), coalesce(s.fence, 0), coalesce(s.lease_owner, ''), coalesce(s.lease_expires_at, 0), " \
  "coalesce(s.lease_ttl, 0), h.since, h.far_updated_at, h.changes, h.checksum "                                   \
  "FROM auth_homes h LEFT JOIN auth_sessions s ON s.session_id = h.session_id"
inline constexpr char kSelectHome[] = "SELECT " AUTHSTATE_HOME_COLUMNS " WHERE h.session_id = ?1";
inline constexpr char kListHomes[] = "SELECT " AUTHSTATE_HOME_COLUMNS;
inline constexpr char kListWithoutHome[] =
    "SELECT s.session_id FROM auth_sessions s LEFT JOIN auth_homes h ON h.session_id = s.session_id "
    "WHERE h.session_id IS NULL";
inline constexpr char kListCopies[] =
    "SELECT " AUTHSTATE_HOME_COLUMNS " WHERE h.state IN (3, 4) AND h.session_id > ?1 ORDER BY h.session_id LIMIT ?2";
#undef AUTHSTATE_HOME_COLUMNS
inline constexpr char kSumChanges[] =
    "SELECT c.session_id, sum(coalesce(length(k.value), 0)) FROM auth_changes c LEFT JOIN auth_keys k "
    "ON k.session_id = c.session_id AND k.key_type = c.key_type AND k.key_id = c.key_id GROUP BY c.session_id";
inline constexpr char kUpsertHome[] =
    "INSERT INTO auth_homes (session_id, state, far_fence, far_number, flushed_revision, dirty_since, whole, since, "
    "far_updated_at, changes, checksum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (session_id) "
    "DO UPDATE SET state = ?2, far_fence = ?3, far_number = ?4, flushed_revision = ?5, dirty_since = ?6, whole = ?7, "
    "since = ?8, far_updated_at = ?9, changes = ?10, checksum = ?11";
inline constexpr char kDeleteHome[] = "DELETE FROM auth_homes WHERE session_id = ?1";

inline constexpr char kUpdateChange[] =
    "UPDATE auth_changes SET revision = ?4, checksum = ?5 WHERE session_id = ?1 AND key_type = ?2 AND key_id = ?3";
inline constexpr char kInsertChange[] =
    "INSERT INTO auth_changes (session_id, key_type, key_id, revision, checksum) VALUES (?1, ?2, ?3, ?4, ?5)";
inline constexpr char kSelectChanges[] =
    "SELECT key_type, key_id, revision, checksum FROM auth_changes WHERE session_id = ?1";
inline constexpr char kListChanges[] = "SELECT session_id, key_type, key_id, revision FROM auth_changes";
inline constexpr char kCountChanges[] = "SELECT count(*) FROM auth_changes WHERE session_id = ?1";
inline constexpr char kDeleteChanges[] = "DELETE FROM auth_changes WHERE session_id = ?1 AND revision <= ?2";

inline constexpr char kDeleteSessionRow[] = "DELETE FROM auth_sessions WHERE session_id = ?1";

inline constexpr char kInsertOrphan[] =
    "INSERT INTO auth_orphans (session_id, revision, flushed_revision, present, lost_at, taken_by, data_key) "
    "SELECT s.session_id, s.revision, h.flushed_revision, s.present, ?2, ?3, s.data_key FROM auth_sessions s "
    "JOIN auth_homes h ON h.session_id = s.session_id WHERE s.session_id = ?1 AND (h.whole OR s.revision > "
    "h.flushed_revision)";
// Where a session is to be flushed whole, everything is a change.
inline constexpr char kInsertWholeChanges[] =
    "INSERT INTO auth_changes (session_id, key_type, key_id, revision) SELECT w.session_id, w.key_type, w.key_id, 0 "
    "FROM "
    "(SELECT session_id, key_type, key_id FROM auth_keys UNION ALL SELECT session_id, '', '*' FROM auth_homes UNION "
    "ALL "
    "SELECT session_id, '', '' FROM auth_homes) AS w JOIN auth_homes h ON h.session_id = w.session_id "
    "WHERE w.session_id = ?1 AND h.whole ON CONFLICT DO NOTHING";
inline constexpr char kInsertOrphanChanges[] =
    "INSERT INTO auth_orphan_changes (orphan_id, key_type, key_id, kind, value) "
    "SELECT ?2, c.key_type, c.key_id, coalesce(k.kind, d.kind), coalesce(k.value, d.value) FROM auth_changes c "
    "LEFT JOIN auth_keys k ON k.session_id = c.session_id AND k.key_type = c.key_type AND k.key_id = c.key_id "
    "LEFT JOIN auth_creds d ON d.session_id = c.session_id AND c.key_type = '' AND c.key_id = '' "
    "WHERE c.session_id = ?1";

// The columns of an orphan, with what its changes are: keys that were set, keys that were deleted, whether all were
// deleted first, whether the creds were set, whether they were deleted; and its wrapped data key.
#define AUTHSTATE_ORPHAN_COLUMNS                                                              \
  "SELECT o.orphan_id, o.session_id, o.revision, o.flushed_revision, o.lost_at, o.taken_by, " \
  "sum(c.key_type <> '' AND c.kind IS NOT NULL), sum(c.key_type <> '' AND c.kind IS NULL), "  \
  "max(c.key_type = '' AND c.key_id = '*'), "                                                 \
  "max(c.key_type = '' AND c.key_id = '' AND c.kind IS NOT NULL), "                           \
  "max(c.key_type = '' AND c.key_id = '' AND c.kind IS NULL), coalesce(o.data_key, '') "      \
  "FROM auth_orphans o LEFT JOIN auth_orphan_changes c ON c.orphan_id = o.orphan_id "
inline constexpr char kListOrphans[] = AUTHSTATE_ORPHAN_COLUMNS "GROUP BY o.orphan_id ORDER BY o.orphan_id";
inline constexpr char kSelectOrphan[] = AUTHSTATE_ORPHAN_COLUMNS "WHERE o.orphan_id = ?1 GROUP BY o.orphan_id";
#undef AUTHSTATE_ORPHAN_COLUMNS
inline constexpr char kSelectOrphanChanges[] =
    "SELECT key_type, key_id, kind, value FROM auth_orphan_changes WHERE orphan_id = ?1 ORDER BY key_type, key_id";
// Their wrapped data keys; empty: the values are plain.
inline constexpr char kListOrphanKeys[] =
    "SELECT orphan_id, session_id, coalesce(data_key, x'') FROM auth_orphans ORDER BY orphan_id";
// Puts the wrapped data key ?3 in the place of ?2; of either, empty is none.
inline constexpr char kSetOrphanKey[] =
    "UPDATE auth_orphans SET data_key = nullif(?3, x'') WHERE orphan_id = ?1 AND coalesce(data_key, x'') = ?2";
inline constexpr char kResealOrphanChange[] =
    "UPDATE auth_orphan_changes SET kind = ?4, value = ?5 WHERE orphan_id = ?1 AND key_type = ?2 AND key_id = ?3";
inline constexpr char kCountOrphans[] = "SELECT count(*) FROM auth_orphans";
inline constexpr char kDeleteOrphan[] = "DELETE FROM auth_orphans WHERE orphan_id = ?1";
inline constexpr char kDeleteOrphanChanges[] = "DELETE FROM auth_orphan_changes WHERE orphan_id = ?1";

}  // namespace authstate::storage::sql

#endif  // AUTHSTATE_STORAGE_SQLITE_HOMES_HOME_STATEMENTS_H_
