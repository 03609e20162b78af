-- Sources that bring many documents, and jobs that are cancelled.
--
-- A check cannot be changed, but a column with its check can be replaced, without making the table anew.
DROP INDEX ingestion_jobs_open;
DROP INDEX ingestion_jobs_by_state;
ALTER TABLE ingestion_jobs RENAME COLUMN state TO state_before;
ALTER TABLE ingestion_jobs ADD COLUMN state TEXT NOT NULL DEFAULT 'queued' CHECK (
  state IN (
    'queued', 'collecting', 'importing', 'extracting', 'chunking', 'embedding', 'indexed', 'failed', 'cancelled'));
UPDATE ingestion_jobs SET state = state_before;
ALTER TABLE ingestion_jobs DROP COLUMN state_before;
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at, id) WHERE state NOT IN ('indexed', 'failed', 'cancelled');
CREATE INDEX ingestion_jobs_by_state ON ingestion_jobs (organization_id, state, created_at DESC, id DESC);

ALTER TABLE knowledge_submissions RENAME COLUMN content_kind TO content_kind_before;
ALTER TABLE knowledge_submissions ADD COLUMN content_kind TEXT NOT NULL DEFAULT 'text' CHECK (
  content_kind IN ('text', 'url', 'file', 'crawl', 'repository', 'records'));
UPDATE knowledge_submissions SET content_kind = content_kind_before;
ALTER TABLE knowledge_submissions DROP COLUMN content_kind_before;
-- How far a crawl goes, or which branch is read.
ALTER TABLE knowledge_submissions
  ADD COLUMN collection_options TEXT CHECK (collection_options IS NULL OR json_valid(collection_options));

-- A run is what one job does for a collection: the first time, and each time that it is brought up to date.
CREATE TABLE collection_runs (
  job_id BLOB PRIMARY KEY NOT NULL CHECK (length(job_id) = 16),
  organization_id BLOB NOT NULL,
  -- SHA-256 of what makes two submissions the same collection.
  collection BLOB NOT NULL CHECK (length(collection) = 32),
  -- The state of the source that the run reads, such as a commit.
  version TEXT NOT NULL,
  started_at INTEGER NOT NULL
);
CREATE INDEX collection_runs_of_collection ON collection_runs (organization_id, collection);

-- What is known of each item of a collection; kept from run to run.
CREATE TABLE collection_items (
  organization_id BLOB NOT NULL,
  collection BLOB NOT NULL CHECK (length(collection) = 32),
  key TEXT NOT NULL,
  -- The job of the last run that met it.
  run_id BLOB,
  depth INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'handed_on', 'unchanged', 'skipped', 'failed', 'gone')),
  attempts INTEGER NOT NULL DEFAULT 0,
  -- The version that the run found listed, and the one that was handed on last.
  offered TEXT,
  version TEXT,
  etag TEXT,
  last_modified TEXT,
  -- The job that ingests or ingested what was handed on last.
  job_id BLOB,
  byte_count INTEGER NOT NULL DEFAULT 0,
  reason TEXT,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (organization_id, collection, key)
) WITHOUT ROWID;
CREATE INDEX collection_items_of_run ON collection_items (organization_id, run_id, state);
CREATE INDEX collection_items_waiting
  ON collection_items (organization_id, run_id, attempts, depth, key) WHERE state = 'waiting';
