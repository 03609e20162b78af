-- The jobs that have failed for good, over all tenants, for the figures of whoever watches over the deployment.
CREATE INDEX ingestion_jobs_dead_letters ON ingestion_jobs (updated_at) WHERE state = 'failed';
