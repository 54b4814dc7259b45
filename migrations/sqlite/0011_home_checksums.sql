-- serves-from: 4
--
-- What the rows of a store that serves sessions of another one are checked by (storage/sqlite/homes/home_row.h, unflushed.cc).
-- All others have none of them, and a server of a version before goes on with those. The server that first opens a store which
-- has some gives them their checksums, and has auth_schema_migrations say that no version before this one may serve beside it:
-- that would change the rows and leave the checksums as they are.
-- How many rows auth_changes has of the session.
ALTER TABLE auth_homes ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE auth_homes ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
ALTER TABLE auth_changes ADD COLUMN checksum BLOB NOT NULL DEFAULT x'';
