-- serves-from: 1
--
-- Who may write a session (storage/lease.h), and the number of the last commit applied under its fence. A server of the
-- version before goes on, but knows no leases: stop the last one of them before relying on these.
ALTER TABLE authstate.legacy_sessions
  ADD COLUMN fence bigint NOT NULL DEFAULT 0,
  -- Empty: nobody; lease_expires_at then means nothing.
  ADD COLUMN lease_owner text COLLATE "C" NOT NULL DEFAULT '',
  ADD COLUMN lease_expires_at timestamptz NOT NULL DEFAULT 'epoch',
  ADD COLUMN applied_number bigint NOT NULL DEFAULT 0;
