-- Sources that bring many documents, and jobs that are cancelled.
--
-- A label cannot be used in the transaction that adds it, nor be taken away again: so the enumerations are made anew,
-- and what rests on the column of the states with them.
DROP TRIGGER ingestion_jobs_due ON ingestion_jobs;
DROP INDEX ingestion_jobs_failed, ingestion_jobs_open, ingestion_jobs_ready;
ALTER TYPE job_state RENAME TO job_state_before;
CREATE TYPE job_state AS ENUM (
  'queued', 'collecting', 'importing', 'extracting', 'chunking', 'embedding', 'indexed', 'failed', 'cancelled');
ALTER TABLE ingestion_jobs
  ALTER COLUMN state DROP DEFAULT,
  ALTER COLUMN state TYPE job_state USING state::text::job_state,
  ALTER COLUMN state SET DEFAULT 'queued';
DROP TYPE job_state_before;
CREATE INDEX ingestion_jobs_failed ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state = 'failed';
CREATE INDEX ingestion_jobs_cancelled
  ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state = 'cancelled';
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state NOT IN ('indexed', 'failed', 'cancelled');
CREATE INDEX ingestion_jobs_ready
  ON ingestion_jobs (organization_id, created_at, id) WHERE state = 'queued' AND run_after IS NULL;
CREATE TRIGGER ingestion_jobs_due
  AFTER INSERT OR UPDATE ON ingestion_jobs
  FOR EACH ROW WHEN (NEW.state = 'queued' AND NEW.run_after IS NULL) EXECUTE FUNCTION notify_job_due();

ALTER TYPE content_kind RENAME TO content_kind_before;
CREATE TYPE content_kind AS ENUM ('text', 'url', 'file', 'crawl', 'repository', 'records');
ALTER TABLE knowledge_submissions
  ALTER COLUMN content_kind TYPE content_kind USING content_kind::text::content_kind,
  ADD COLUMN collection_options jsonb;
DROP TYPE content_kind_before;
COMMENT ON COLUMN knowledge_submissions.collection_options IS 'how far a crawl goes, or which branch is read';

-- A run is what one job does for a collection: the first time, and each time that it is brought up to date.
CREATE TABLE collection_runs (
  job_id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  collection bytea NOT NULL CHECK (octet_length(collection) = 32),
  version text NOT NULL,
  started_at timestamptz NOT NULL,
  UNIQUE (organization_id, job_id)
);
COMMENT ON COLUMN collection_runs.collection IS 'SHA-256 of what makes two submissions the same collection';
COMMENT ON COLUMN collection_runs.version IS 'the state of the source that the run reads, such as a commit';
CREATE INDEX collection_runs_of_collection ON collection_runs (organization_id, collection);

CREATE TYPE collection_item_state AS ENUM ('waiting', 'handed_on', 'unchanged', 'skipped', 'failed', 'gone');

-- What is known of each item of a collection; kept from run to run.
CREATE TABLE collection_items (
  organization_id uuid NOT NULL,
  collection bytea NOT NULL CHECK (octet_length(collection) = 32),
  key text COLLATE "C" NOT NULL CHECK (octet_length(key) <= 2000),
  run_id uuid,
  depth integer NOT NULL DEFAULT 0,
  state collection_item_state NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  offered text,
  version text,
  etag text,
  last_modified text,
  job_id uuid,
  byte_count bigint NOT NULL DEFAULT 0,
  reason text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, collection, key)
);
COMMENT ON COLUMN collection_items.run_id IS 'the job of the last run that met it';
COMMENT ON COLUMN collection_items.offered IS 'the version that the run found listed';
COMMENT ON COLUMN collection_items.version IS 'the version that was handed on last';
COMMENT ON COLUMN collection_items.job_id IS 'the job that ingests or ingested what was handed on last';
CREATE INDEX collection_items_of_run ON collection_items (organization_id, run_id);
CREATE INDEX collection_items_waiting
  ON collection_items (organization_id, run_id, attempts, depth, key) WHERE state = 'waiting';
CREATE TRIGGER collection_items_updated_at
  BEFORE UPDATE ON collection_items FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CALL protect_tenant_table('collection_runs');
CALL protect_tenant_table('collection_items');
