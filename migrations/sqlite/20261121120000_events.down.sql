DROP INDEX ingestion_jobs_leased;
DROP INDEX ingestion_jobs_open;
CREATE INDEX ingestion_jobs_open ON ingestion_jobs (created_at, id) WHERE state NOT IN ('indexed', 'failed');
DROP TABLE outbox;
