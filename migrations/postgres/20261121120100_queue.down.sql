DROP FUNCTION delete_events(timestamptz), acknowledge_events(uuid, timestamptz),
  claim_events(uuid, integer, timestamptz, timestamptz),
  record_events(uuid[], uuid[], text[], uuid[], text[], timestamptz[]);
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;
DROP INDEX outbox_by_time, outbox_leased;

DROP FUNCTION document_of_source(text);
DROP FUNCTION change_jobs(uuid[], uuid[], uuid[], timestamptz[], timestamptz[], text[], bigint[], bigint[], text[],
  timestamptz[], integer[], boolean);
DROP FUNCTION claim_jobs(uuid[], text[], timestamptz[], timestamptz);
DROP TRIGGER ingestion_jobs_due ON ingestion_jobs;
DROP FUNCTION notify_job_due();
ALTER TABLE ingestion_jobs RESET (autovacuum_vacuum_scale_factor, autovacuum_vacuum_threshold);
DROP INDEX ingestion_jobs_delayed, ingestion_jobs_ready, ingestion_jobs_leases, ingestion_jobs_open,
  ingestion_jobs_failed;
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at, id) WHERE state NOT IN ('indexed', 'failed');
CREATE INDEX ingestion_jobs_leased ON ingestion_jobs (lease_expires_at) WHERE lease_token IS NOT NULL;
CREATE INDEX ingestion_jobs_by_state ON ingestion_jobs (organization_id, state, created_at DESC, id DESC);
