-- Fails where something was not flushed, or is an orphan: nobody else has it.
CREATE TABLE auth_unflushed (changes INTEGER CHECK (changes = 0));
INSERT INTO auth_unflushed SELECT (SELECT count(*) FROM auth_changes) + (SELECT count(*) FROM auth_orphans);
DROP TABLE auth_unflushed;
DROP TABLE auth_orphan_changes;
DROP TABLE auth_orphans;
DROP TABLE auth_changes;
DROP TABLE auth_homes;
DROP TABLE auth_near_store;
