DROP TABLE collection_items;
DROP TABLE collection_runs;

-- What the version before does not know: collections go, with the documents they brought staying, and what was
-- cancelled counts as failed.
DELETE FROM ingestion_jobs WHERE submission_id IN (
  SELECT id FROM knowledge_submissions WHERE content_kind IN ('crawl', 'repository', 'records'));
DELETE FROM knowledge_submissions WHERE content_kind IN ('crawl', 'repository', 'records');
UPDATE ingestion_jobs SET state = 'failed', error = coalesce(error, 'cancelled') WHERE state = 'cancelled';

DROP INDEX ingestion_jobs_open;
DROP INDEX ingestion_jobs_by_state;
ALTER TABLE ingestion_jobs RENAME COLUMN state TO state_after;
ALTER TABLE ingestion_jobs ADD COLUMN state TEXT NOT NULL DEFAULT 'queued' CHECK (
  state IN ('queued', 'extracting', 'chunking', 'embedding', 'indexed', 'failed'));
UPDATE ingestion_jobs SET state = state_after;
ALTER TABLE ingestion_jobs DROP COLUMN state_after;
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at, id) WHERE state NOT IN ('indexed', 'failed');
CREATE INDEX ingestion_jobs_by_state ON ingestion_jobs (organization_id, state, created_at DESC, id DESC);

ALTER TABLE knowledge_submissions DROP COLUMN collection_options;
ALTER TABLE knowledge_submissions RENAME COLUMN content_kind TO content_kind_after;
ALTER TABLE knowledge_submissions ADD COLUMN content_kind TEXT NOT NULL DEFAULT 'text' CHECK (
  content_kind IN ('text', 'url', 'file'));
UPDATE knowledge_submissions SET content_kind = content_kind_after;
ALTER TABLE knowledge_submissions DROP COLUMN content_kind_after;
