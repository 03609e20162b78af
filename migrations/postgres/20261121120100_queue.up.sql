-- The job queue and the outbox.
--
-- What workers and relays do goes across tenants, so it is done by functions that opentier_system owns; in PL/pgSQL,
-- which keeps its plans, where a function in SQL that is a security definer is planned at every call. A job that is
-- due lies in one small index, ingestion_jobs_ready, whatever else the table holds: jobs that wait for their next
-- attempt and leases that hold are not in it, and claim_jobs puts them there when their time has come.

-- Lists, newest first. Comparing enumerations is not leakproof, so under row-level security a state can be no condition
-- of an index, only its predicate. Descending, so that no claim takes ingestion_jobs_open for ingestion_jobs_ready.
DROP INDEX ingestion_jobs_by_state, ingestion_jobs_open;
CREATE INDEX ingestion_jobs_failed ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state = 'failed';
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at DESC, id DESC) WHERE state NOT IN ('indexed', 'failed');

-- By the token, which is random: entries come and go as often as jobs are claimed, and those of ended leases make room
-- for new ones on the same few pages. By time they would pile up on one end until the next vacuum.
DROP INDEX ingestion_jobs_leased;
CREATE INDEX ingestion_jobs_leases ON ingestion_jobs (lease_token) WHERE lease_token IS NOT NULL;

CREATE INDEX ingestion_jobs_ready
  ON ingestion_jobs (organization_id, created_at, id) WHERE state = 'queued' AND run_after IS NULL;
CREATE INDEX ingestion_jobs_delayed ON ingestion_jobs (run_after) WHERE run_after IS NOT NULL;

-- Each job leaves two dead rows behind. By default a fifth of the table must be dead before they are removed, and until
-- then each claim steps over their entries in the index of the jobs that are ready.
ALTER TABLE ingestion_jobs SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000);

-- Wakes the workers of all replicas when the transaction commits, once however many jobs it makes due.
CREATE FUNCTION notify_job_due() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('opentier_jobs', '');
  RETURN NULL;
END
$$;
CREATE TRIGGER ingestion_jobs_due
  AFTER INSERT OR UPDATE ON ingestion_jobs
  FOR EACH ROW WHEN (NEW.state = 'queued' AND NEW.run_after IS NULL) EXECUTE FUNCTION notify_job_due();

-- Claims as many jobs as there are tokens, or those that are due, each for one token, worker and expiry.
--
-- The tenants take turns: each job goes to the tenant that has the fewest running jobs by then, those of this call
-- included; ties go to the oldest job. Jobs that another claim has in its hands are passed over, never waited for.
CREATE FUNCTION claim_jobs(tokens uuid[], workers text[], expiries timestamptz[], at timestamptz)
RETURNS TABLE (job ingestion_jobs, submission knowledge_submissions)
LANGUAGE plpgsql
-- The plans that the queue needs at any size, also before the statistics know of a flood of jobs: each step into an
-- index, in its order, and what is joined is small on both sides.
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_nestloop = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  wanted CONSTANT integer := cardinality(tokens);
  claimed integer := 0;
  taken integer;
  tenants uuid[];
  shares integer[];
  jobs uuid[];
  -- Tenants whose due jobs are all in other hands.
  dry uuid[] := '{}';
BEGIN
  -- Delays that are over, and leases that have run out. Such a lease still holds while nobody else has the job, so its
  -- token stays.
  UPDATE ingestion_jobs SET run_after = NULL, updated_at = at
  WHERE id = ANY (ARRAY(
    SELECT id FROM ingestion_jobs WHERE run_after <= at ORDER BY run_after LIMIT 1000 FOR UPDATE SKIP LOCKED));
  UPDATE ingestion_jobs SET state = 'queued', updated_at = at
  WHERE id = ANY (ARRAY(
    SELECT id FROM ingestion_jobs
    WHERE lease_token IS NOT NULL AND lease_expires_at <= at AND state <> 'queued' FOR UPDATE SKIP LOCKED));

  WHILE claimed < wanted LOOP
    -- How many jobs each tenant is to have. No more tenants than jobs can have a turn. Of the n-th in line an n-th of
    -- the jobs is looked at, which is its share when those before it have as many. When some have fewer, the turns
    -- behind the end of what was looked at are not certain, and there is another round for them.
    WITH RECURSIVE heads AS (
      (SELECT organization_id, created_at, id FROM ingestion_jobs
       WHERE state = 'queued' AND run_after IS NULL
       ORDER BY organization_id, created_at, id LIMIT 1)
      UNION ALL
      SELECT next.* FROM heads CROSS JOIN LATERAL (
        SELECT organization_id, created_at, id FROM ingestion_jobs
        WHERE state = 'queued' AND run_after IS NULL AND organization_id > heads.organization_id
        ORDER BY organization_id, created_at, id LIMIT 1) AS next
    ), running AS (
      SELECT organization_id, count(*) AS jobs FROM ingestion_jobs
      WHERE lease_token IS NOT NULL AND lease_expires_at > at
      GROUP BY organization_id
    ), line AS (
      SELECT heads.organization_id, coalesce(running.jobs, 0) AS running,
        row_number() OVER (ORDER BY coalesce(running.jobs, 0), heads.created_at, heads.id) AS place
      FROM heads LEFT JOIN running USING (organization_id)
      WHERE organization_id <> ALL (dry)
      ORDER BY place LIMIT wanted - claimed
    ), turns AS (
      SELECT line.organization_id, line.running + next.number AS turn, next.created_at, next.id,
        next.number = (wanted - claimed + line.place - 1) / line.place AS is_end
      FROM line CROSS JOIN LATERAL (
        SELECT created_at, id, row_number() OVER (ORDER BY created_at, id) AS number FROM ingestion_jobs
        WHERE organization_id = line.organization_id AND state = 'queued' AND run_after IS NULL
        ORDER BY created_at, id LIMIT (wanted - claimed + line.place - 1) / line.place) AS next
    ), horizon AS (
      SELECT turn, created_at, id FROM turns WHERE is_end ORDER BY turn, created_at, id LIMIT 1
    ), certain AS (
      SELECT turns.organization_id FROM turns LEFT JOIN horizon ON true
      WHERE horizon.id IS NULL
        OR (turns.turn, turns.created_at, turns.id) <= (horizon.turn, horizon.created_at, horizon.id)
      ORDER BY turns.turn, turns.created_at, turns.id LIMIT wanted - claimed
    ), split AS (SELECT organization_id, count(*) AS jobs FROM certain GROUP BY organization_id)
    SELECT array_agg(organization_id), array_agg(split.jobs) INTO tenants, shares FROM split;
    EXIT WHEN tenants IS NULL;

    SELECT array_agg(next.id) INTO jobs
    FROM unnest(tenants, shares) AS tenant (id, share) CROSS JOIN LATERAL (
      SELECT id FROM ingestion_jobs
      WHERE organization_id = tenant.id AND state = 'queued' AND run_after IS NULL
      ORDER BY created_at, id LIMIT tenant.share FOR UPDATE SKIP LOCKED) AS next;
    taken := coalesce(cardinality(jobs), 0);

    IF taken < (SELECT sum(share) FROM unnest(shares) AS share) THEN
      dry := dry || ARRAY(
        SELECT tenant.id FROM unnest(tenants, shares) AS tenant (id, share)
        WHERE tenant.share > (
          SELECT count(*) FROM ingestion_jobs WHERE id = ANY (jobs) AND organization_id = tenant.id));
    END IF;

    RETURN QUERY
      UPDATE ingestion_jobs AS j
      SET state = 'extracting', attempts = j.attempts + 1, progress = '{}', lease_owner = workers[claimed + own.place],
        lease_token = tokens[claimed + own.place], lease_expires_at = expiries[claimed + own.place], updated_at = at
      FROM unnest(jobs) WITH ORDINALITY AS own (id, place)
      WHERE j.id = ANY (jobs) AND j.id = own.id
      RETURNING j, (SELECT s FROM knowledge_submissions AS s WHERE s.id = j.submission_id);
    claimed := claimed + taken;
  END LOOP;
END
$$;
CALL protect_system_function('claim_jobs(uuid[], text[], timestamptz[], timestamptz)');

-- Changes jobs under their leases, the n-th of each array for the n-th job; no job twice. Without an expiry the lease
-- ends. One row for each change: 'written' with the job as it is then, 'busy' when another transaction has the job in
-- its hands (with waits, it is waited for), none when the lease is lost.
CREATE FUNCTION change_jobs(
  ids uuid[], organizations uuid[], tokens uuid[], times timestamptz[], expiries timestamptz[], states text[],
  done bigint[], total bigint[], errors text[], delays timestamptz[], uncounted integer[], waits boolean)
RETURNS TABLE (place bigint, outcome text, job ingestion_jobs)
LANGUAGE plpgsql
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_nestloop = off
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  held uuid[];
BEGIN
  -- In the order of the ids, so that two calls never wait for each other.
  IF waits THEN
    held := ARRAY(
      SELECT id FROM ingestion_jobs WHERE id = ANY (ids) AND lease_token = ANY (tokens) ORDER BY id FOR UPDATE);
  ELSE
    held := ARRAY(
      SELECT id FROM ingestion_jobs WHERE id = ANY (ids) AND lease_token = ANY (tokens) ORDER BY id
      FOR UPDATE SKIP LOCKED);
  END IF;

  RETURN QUERY
    UPDATE ingestion_jobs AS j
    SET state = c.state::job_state,
      attempts = j.attempts - c.uncounted,
      progress = CASE WHEN c.done IS NULL THEN j.progress
        ELSE j.progress || jsonb_build_object(c.state, jsonb_build_object('done', c.done, 'total', c.total)) END,
      error = coalesce(c.error, j.error),
      run_after = c.delay,
      lease_owner = CASE WHEN c.expiry IS NOT NULL THEN j.lease_owner END,
      lease_token = CASE WHEN c.expiry IS NOT NULL THEN j.lease_token END,
      lease_expires_at = c.expiry,
      updated_at = c.time
    FROM unnest(ids, organizations, tokens, times, expiries, states, done, total, errors, delays, uncounted)
      WITH ORDINALITY AS c (
        id, organization_id, token, time, expiry, state, done, total, error, delay, uncounted, place)
    WHERE j.id = c.id AND j.organization_id = c.organization_id AND j.lease_token = c.token AND j.id = ANY (held)
    RETURNING c.place, 'written', j;

  IF cardinality(held) < cardinality(ids) THEN
    RETURN QUERY
      SELECT c.place, 'busy', j
      FROM unnest(ids, organizations, tokens) WITH ORDINALITY AS c (id, organization_id, token, place)
        JOIN ingestion_jobs AS j ON j.id = c.id
      WHERE j.id = ANY (ids) AND j.organization_id = c.organization_id AND j.lease_token = c.token
        AND j.id <> ALL (held);
  END IF;
END
$$;
CALL protect_system_function(
  'change_jobs(uuid[], uuid[], uuid[], timestamptz[], timestamptz[], text[], bigint[], bigint[], text[],'
  ' timestamptz[], integer[], boolean)');

-- The document of the current tenant that has a source. Under row-level security the digest, which is not leakproof,
-- could be no condition of the index; here it can, and the tenant is asked for by hand.
CREATE FUNCTION document_of_source(source text) RETURNS uuid
LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (
    SELECT id FROM documents
    WHERE organization_id = current_organization() AND source_digest(source_uri) = source_digest(source)
      AND source_uri = source);
END
$$;
CALL protect_system_function('document_of_source(text)');

-- The outbox

CREATE INDEX outbox_leased ON outbox (lease_token) WHERE lease_token IS NOT NULL;
CREATE INDEX outbox_by_time ON outbox (occurred_at);
DROP INDEX outbox_delivered;

-- Writes events of any tenants: a batch of job changes may end jobs of several.
CREATE FUNCTION record_events(
  ids uuid[], organizations uuid[], kinds text[], subjects uuid[], payloads text[], times timestamptz[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO outbox (id, organization_id, kind, subject_id, payload, occurred_at)
  SELECT e.id, e.organization_id, e.kind, e.subject_id, e.payload::jsonb, e.occurred_at
  FROM unnest(ids, organizations, kinds, subjects, payloads, times)
    AS e (id, organization_id, kind, subject_id, payload, occurred_at);
END
$$;
CALL protect_system_function('record_events(uuid[], uuid[], text[], uuid[], text[], timestamptz[])');

-- Claims the oldest undelivered events, none of a tenant of which a claim that holds has any. Claims take turns: of two
-- at the same time, one would take a tenant's later events while the other takes its earlier ones.
CREATE FUNCTION claim_events(token uuid, maximum integer, at timestamptz, expiry timestamptz) RETURNS SETOF outbox
LANGUAGE plpgsql
SET enable_seqscan = off
SET jit = off
AS $$
#variable_conflict use_column
BEGIN
  IF NOT EXISTS (SELECT FROM outbox WHERE delivered_at IS NULL) THEN RETURN; END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('opentier outbox', 0));
  RETURN QUERY
    WITH claimed AS (
      UPDATE outbox SET lease_token = token, lease_expires_at = expiry
      WHERE id = ANY (ARRAY(
        SELECT id FROM outbox
        WHERE delivered_at IS NULL AND organization_id <> ALL (ARRAY(
          SELECT organization_id FROM outbox WHERE lease_token IS NOT NULL AND lease_expires_at > at))
        ORDER BY position LIMIT maximum FOR UPDATE SKIP LOCKED))
      RETURNING *)
    SELECT * FROM claimed ORDER BY position;
END
$$;
CALL protect_system_function('claim_events(uuid, integer, timestamptz, timestamptz)');

CREATE FUNCTION acknowledge_events(token uuid, at timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
  marked bigint;
BEGIN
  UPDATE outbox SET delivered_at = at, lease_token = NULL, lease_expires_at = NULL
  WHERE outbox.lease_token = acknowledge_events.token;
  GET DIAGNOSTICS marked = ROW_COUNT;
  RETURN marked;
END
$$;
CALL protect_system_function('acknowledge_events(uuid, timestamptz)');

CREATE FUNCTION delete_events(before timestamptz) RETURNS bigint
LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM outbox WHERE occurred_at < before RETURNING 1) SELECT count(*) FROM gone
$$;
CALL protect_system_function('delete_events(timestamptz)');
