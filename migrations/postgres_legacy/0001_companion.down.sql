-- Takes the revisions with it. whatsapp_auth and whatsapp_keys stay as they are.
DROP FUNCTION authstate.legacy_lost_race(), authstate.legacy_value_bytes(jsonb), authstate.legacy_mark(text, text, bigint);
DROP TABLE authstate.legacy_sessions;
