-- The times are lost: once this is applied again, that of no key is known until it is written.
ALTER TABLE auth_keys DROP COLUMN changed_at;
