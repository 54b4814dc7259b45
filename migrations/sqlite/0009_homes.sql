-- serves-from: 4
--
-- For a store that serves sessions of another one, the far store, for a while (storage/near/near_store.h). Empty in all others: a
-- server of a version before goes on with those, and must not be given one that is not.

-- One row in such a store.
CREATE TABLE auth_near_store (
  id TEXT NOT NULL,
  -- Of the far store.
  far_id TEXT NOT NULL
) STRICT;

-- The sessions that are served here, and the copies that are kept of those that were.
CREATE TABLE auth_homes (
  session_id TEXT PRIMARY KEY NOT NULL,
  -- 1 at home; 2 leaving: the far store may have it back; 3 away: a copy; 4 on its way here, with the lease that goes on.
  state INTEGER NOT NULL,
  -- At home, leaving and on its way: the fence in the far store. Away: that with which the far store got it back.
  far_fence INTEGER NOT NULL,
  -- The number of the last flush under that fence, and the revision that it took the far store to.
  far_number INTEGER NOT NULL,
  flushed_revision INTEGER NOT NULL,
  -- Since when something is not flushed, in microseconds since the Unix epoch; 0: nothing was written since the last flush.
  dirty_since INTEGER NOT NULL,
  -- Whether the next flush is of everything; on its way: whether there is no copy yet.
  whole INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What changed since the last flush, and at which revision last. The creds have an empty type and id; all keys that there were,
-- which were deleted at once, an empty type and the id *.
CREATE TABLE auth_changes (
  session_id TEXT NOT NULL,
  key_type TEXT NOT NULL,
  key_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  PRIMARY KEY (session_id, key_type, key_id)
) STRICT, WITHOUT ROWID;

-- What was acknowledged here and could not be flushed, as another had taken the session from the far store.
CREATE TABLE auth_orphans (
  orphan_id INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL,
  revision INTEGER NOT NULL,
  flushed_revision INTEGER NOT NULL,
  present INTEGER NOT NULL,
  lost_at INTEGER NOT NULL,
  taken_by TEXT NOT NULL,
  data_key BLOB
) STRICT;
-- The changes of an orphan; kind and value are NULL where something was deleted.
CREATE TABLE auth_orphan_changes (
  orphan_id INTEGER NOT NULL,
  key_type TEXT NOT NULL,
  key_id TEXT NOT NULL,
  kind INTEGER,
  value BLOB,
  PRIMARY KEY (orphan_id, key_type, key_id)
) STRICT;
