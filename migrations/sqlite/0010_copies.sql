-- serves-from: 4
--
-- What a store that serves sessions of another one knows of that one and of its copies. Empty in all others. A server of a
-- version before goes on, and leaves the new columns as they are.

-- The layout of the far store, whose limits hold for what is written here; empty: not known.
ALTER TABLE auth_near_store ADD COLUMN far_layout TEXT NOT NULL DEFAULT '';

-- Away, or on its way: since when, in microseconds since the Unix epoch; 0: not known, and long ago.
ALTER TABLE auth_homes ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
-- Away: when the far store says that the last commit was which the copy has, by its clock, in microseconds since the Unix
-- epoch; 0: not known, and the copy is not used.
ALTER TABLE auth_homes ADD COLUMN far_updated_at INTEGER NOT NULL DEFAULT 0;
