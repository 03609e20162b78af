DROP TABLE collection_items, collection_runs;
DROP TYPE collection_item_state;

-- What the version before does not know: collections go, with the documents they brought staying, and what was
-- cancelled counts as failed.
SET LOCAL ROLE opentier_system;
DELETE FROM ingestion_jobs USING knowledge_submissions AS s
WHERE s.id = submission_id AND s.content_kind IN ('crawl', 'repository', 'records');
DELETE FROM knowledge_submissions WHERE content_kind IN ('crawl', 'repository', 'records');
UPDATE ingestion_jobs SET state = 'failed', error = coalesce(error, 'cancelled') WHERE state = 'cancelled';
RESET ROLE;

DROP TRIGGER ingestion_jobs_due ON ingestion_jobs;
DROP INDEX ingestion_jobs_failed, ingestion_jobs_cancelled, ingestion_jobs_open, ingestion_jobs_ready;
ALTER TYPE job_state RENAME TO job_state_after;
CREATE TYPE job_state AS ENUM ('queued', 'extracting', 'chunking', 'embedding', 'indexed', 'failed');
ALTER TABLE ingestion_jobs
  ALTER COLUMN state DROP DEFAULT,
  ALTER COLUMN state TYPE job_state USING state::text::job_state,
  ALTER COLUMN state SET DEFAULT 'queued';
DROP TYPE job_state_after;
CREATE INDEX ingestion_jobs_failed ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state = 'failed';
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state NOT IN ('indexed', 'failed');
CREATE INDEX ingestion_jobs_ready
  ON ingestion_jobs (organization_id, created_at, id) WHERE state = 'queued' AND run_after IS NULL;
CREATE TRIGGER ingestion_jobs_due
  AFTER INSERT OR UPDATE ON ingestion_jobs
  FOR EACH ROW WHEN (NEW.state = 'queued' AND NEW.run_after IS NULL) EXECUTE FUNCTION notify_job_due();

ALTER TYPE content_kind RENAME TO content_kind_after;
CREATE TYPE content_kind AS ENUM ('text', 'url', 'file');
ALTER TABLE knowledge_submissions
  DROP COLUMN collection_options,
  ALTER COLUMN content_kind TYPE content_kind USING content_kind::text::content_kind;
DROP TYPE content_kind_after;
