-- The jobs that have failed for good, over all tenants, for the figures of whoever watches over the deployment. The index
-- ingestion_jobs_failed holds these alone. An index by their times would be written by each heartbeat of a running job.
CREATE FUNCTION dead_letters() RETURNS TABLE (count bigint, oldest timestamptz)
LANGUAGE sql STABLE ROWS 1 AS $$
  SELECT count(*), min(updated_at) FROM ingestion_jobs WHERE state = 'failed'
$$;
CALL protect_system_function('dead_letters()');
