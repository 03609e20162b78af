-- What happened, written in the transaction that made it so. A consumer claims events in the order of `position`, hands
-- them on and marks them; they are removed some days later, delivered or not.
CREATE TABLE outbox (
  position INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  kind TEXT NOT NULL,
  subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
  payload TEXT NOT NULL CHECK (json_valid(payload)),
  occurred_at INTEGER NOT NULL,
  lease_token BLOB,
  lease_expires_at INTEGER,
  delivered_at INTEGER,
  CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL))
);
CREATE INDEX outbox_waiting ON outbox (position) WHERE delivered_at IS NULL;
CREATE INDEX outbox_leased ON outbox (lease_token) WHERE lease_token IS NOT NULL;
CREATE INDEX outbox_by_time ON outbox (occurred_at);

-- The tenants take turns in the queue: it looks at each tenant's oldest open jobs and counts its leases, instead of
-- reading all open jobs.
DROP INDEX ingestion_jobs_open;
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at, id) WHERE state NOT IN ('indexed', 'failed');
CREATE INDEX ingestion_jobs_leased ON ingestion_jobs (organization_id, lease_expires_at) WHERE lease_token IS NOT NULL;
