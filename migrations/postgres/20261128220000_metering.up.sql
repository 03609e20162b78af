-- What calls may use and have used. A call is reserved with the most that it is expected to use, and recorded with what it
-- used; the counters say what of each limit is taken, by open calls and by those that have ended. Nothing has written the
-- tables usage_events, quotas and budgets before: the limits are the deployment's, and a budget gets its own month.
DROP TABLE quotas;

ALTER TABLE usage_events
  ALTER COLUMN user_id TYPE uuid USING user_id::uuid,
  ALTER COLUMN occurred_at DROP DEFAULT,
  ADD COLUMN api_key_id uuid,
  ADD COLUMN outcome text NOT NULL;
COMMENT ON COLUMN usage_events.occurred_at IS 'when the call began: it counts for that day and that month';

CREATE TABLE usage_counters (
  organization_id uuid NOT NULL,
  scope smallint NOT NULL,
  subject_id uuid NOT NULL,
  accounted bigint NOT NULL DEFAULT 0,
  day integer NOT NULL DEFAULT 0,
  tokens bigint NOT NULL DEFAULT 0,
  first_day_requests integer NOT NULL DEFAULT 0,
  PRIMARY KEY (organization_id, scope, subject_id)
) WITH (fillfactor = 50); -- They change with every call: the new version of a row finds room beside the old one.
COMMENT ON COLUMN usage_counters.scope IS '1 the organisation, 2 a user, 3 an API key';
COMMENT ON COLUMN usage_counters.accounted
  IS 'up to when requests are accounted for, in microseconds since 1970 (generic cell rate algorithm)';
COMMENT ON COLUMN usage_counters.day IS 'the day of the tokens, counted from 1970-01-01 (UTC)';

CREATE TABLE usage_reservations (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id uuid NOT NULL,
  api_key_id uuid,
  kind text NOT NULL,
  model text,
  is_stream boolean NOT NULL,
  tokens bigint NOT NULL,
  cost_micros bigint NOT NULL,
  started_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL
);
CREATE INDEX usage_reservations_of_user ON usage_reservations (organization_id, user_id);
CREATE INDEX usage_reservations_by_expiry ON usage_reservations (expires_at);

DROP TRIGGER budgets_updated_at ON budgets;
ALTER TABLE budgets
  DROP COLUMN name,
  DROP COLUMN period,
  DROP COLUMN maximum_micros,
  DROP COLUMN created_at,
  DROP COLUMN updated_at,
  ADD COLUMN user_id uuid,
  ADD COLUMN limit_micros bigint NOT NULL CHECK (limit_micros >= 0),
  ADD COLUMN period_start timestamptz NOT NULL,
  ADD COLUMN spent_micros bigint NOT NULL,
  ADD COLUMN reserved_micros bigint NOT NULL,
  ADD COLUMN alerted_percent integer NOT NULL,
  ADD COLUMN override_expires_at timestamptz,
  ADD COLUMN override_reason text,
  ADD COLUMN override_by uuid,
  ADD UNIQUE NULLS NOT DISTINCT (organization_id, user_id),
  ADD FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id) ON DELETE CASCADE;
COMMENT ON COLUMN budgets.user_id IS 'NULL for the budget of the organisation';

CALL protect_tenant_table('usage_counters');
CALL protect_tenant_table('usage_reservations');

-- Admits a call, or says what is in its way: one round trip, and atomic, for the rows of all that it counts for are locked
-- in a fixed order (the organisation, the user, the API key, then the budgets) before anything is decided.
--
-- The arrays hold the limits of the organisation, a user and an API key; 0 is none. It runs with its caller's rights, so
-- that row-level security holds for it. A row is given back for a refusal, and none for an admission.
CREATE FUNCTION reserve_usage(
  call uuid, tenant uuid, caller uuid, api_key uuid, call_kind text, call_model text, streams boolean, call_tokens bigint,
  call_cost bigint, at timestamptz, expires timestamptz, rates bigint[], bursts bigint[], stream_limits bigint[],
  token_limits bigint[], first_day bigint, stop_percent bigint)
RETURNS TABLE (refused_limit text, refused_scope integer, maximum bigint, wait bigint)
LANGUAGE plpgsql AS $$
DECLARE
  microseconds_of_day CONSTANT bigint := 86400000000;
  now_us CONSTANT bigint := (extract(epoch FROM at) * 1000000)::bigint;
  today CONSTANT integer := (now_us / microseconds_of_day)::integer;
  month CONSTANT timestamptz := date_trunc('month', at, 'UTC');
  subjects CONSTANT uuid[] := ARRAY[tenant, caller, api_key];
  -- When the caller's account is no longer new; NULL where that does not matter.
  new_until timestamptz;
  locked integer[] := '{}';
  budget_ids uuid[] := '{}';
  counter usage_counters;
  budget budgets;
  step bigint;
  used bigint;
  open_streams bigint;
  s integer;
BEGIN
  IF first_day > 0 THEN
    SELECT u.created_at + interval '24 hours' INTO new_until FROM users AS u
    WHERE u.id = caller AND u.organization_id = tenant AND u.created_at + interval '24 hours' > at;
  END IF;
  FOR s IN 1..3 LOOP
    CONTINUE WHEN subjects[s] IS NULL;
    CONTINUE WHEN rates[s] = 0 AND stream_limits[s] = 0 AND token_limits[s] = 0 AND (s <> 2 OR new_until IS NULL);
    SELECT * INTO counter FROM usage_counters AS c
    WHERE c.organization_id = tenant AND c.scope = s AND c.subject_id = subjects[s] FOR UPDATE;
    IF NOT FOUND THEN
      INSERT INTO usage_counters (organization_id, scope, subject_id) VALUES (tenant, s, subjects[s])
      ON CONFLICT DO NOTHING;
      SELECT * INTO counter FROM usage_counters AS c
      WHERE c.organization_id = tenant AND c.scope = s AND c.subject_id = subjects[s] FOR UPDATE;
    END IF;
    locked := locked || s;
    IF rates[s] > 0 THEN
      step := (60000000 + rates[s] - 1) / rates[s];
      used := greatest(counter.accounted, now_us) - now_us - step * (bursts[s] - 1);
      IF used > 0 THEN
        RETURN QUERY SELECT 'requestsPerMinute', s, rates[s], used;
        RETURN;
      END IF;
    END IF;
    IF streams AND stream_limits[s] > 0 THEN
      SELECT count(*) INTO open_streams FROM usage_reservations AS r
      WHERE r.organization_id = tenant AND r.is_stream AND r.expires_at > at
        AND CASE s WHEN 1 THEN true WHEN 2 THEN r.user_id = caller ELSE r.api_key_id = api_key END;
      IF open_streams >= stream_limits[s] THEN
        RETURN QUERY SELECT 'concurrentStreams', s, stream_limits[s], NULL::bigint;
        RETURN;
      END IF;
    END IF;
    IF call_tokens > 0 AND token_limits[s] > 0 THEN
      used := CASE WHEN counter.day = today THEN counter.tokens ELSE 0 END;
      IF used + call_tokens > token_limits[s] THEN
        RETURN QUERY SELECT 'tokensPerDay', s, token_limits[s], (today + 1) * microseconds_of_day - now_us;
        RETURN;
      END IF;
    END IF;
    IF s = 2 AND new_until IS NOT NULL AND counter.first_day_requests >= first_day THEN
      RETURN QUERY SELECT 'firstDayRequests', s, first_day, (extract(epoch FROM new_until) * 1000000)::bigint - now_us;
      RETURN;
    END IF;
  END LOOP;

  FOR budget IN
    SELECT * FROM budgets AS b WHERE b.organization_id = tenant AND (b.user_id IS NULL OR b.user_id = caller)
    ORDER BY b.user_id NULLS FIRST FOR UPDATE
  LOOP
    budget_ids := budget_ids || budget.id;
    CONTINUE WHEN call_cost = 0 OR budget.override_expires_at > at;
    used := CASE WHEN budget.period_start < month THEN 0 ELSE budget.spent_micros + budget.reserved_micros END;
    IF used + call_cost > budget.limit_micros / 100 * stop_percent + budget.limit_micros % 100 * stop_percent / 100 THEN
      RETURN QUERY SELECT 'budget', CASE WHEN budget.user_id IS NULL THEN 1 ELSE 2 END, budget.limit_micros,
        (extract(epoch FROM month + interval '1 month') * 1000000)::bigint - now_us;
      RETURN;
    END IF;
  END LOOP;

  FOREACH s IN ARRAY locked LOOP
    UPDATE usage_counters AS c SET
      accounted = CASE
        WHEN rates[s] > 0 THEN greatest(c.accounted, now_us) + (60000000 + rates[s] - 1) / rates[s] ELSE c.accounted END,
      tokens = CASE WHEN c.day = today THEN c.tokens ELSE 0 END + call_tokens,
      day = today,
      first_day_requests = c.first_day_requests + CASE WHEN s = 2 AND new_until IS NOT NULL THEN 1 ELSE 0 END
    WHERE c.organization_id = tenant AND c.scope = s AND c.subject_id = subjects[s];
  END LOOP;
  IF NOT (streams OR call_tokens > 0 OR call_cost > 0) OR locked = '{}' AND budget_ids = '{}' THEN
    RETURN;
  END IF;
  UPDATE budgets AS b SET
    reserved_micros = CASE WHEN b.period_start < month THEN 0 ELSE b.reserved_micros END + call_cost,
    spent_micros = CASE WHEN b.period_start < month THEN 0 ELSE b.spent_micros END,
    alerted_percent = CASE WHEN b.period_start < month THEN 0 ELSE b.alerted_percent END,
    period_start = greatest(b.period_start, month)
  WHERE b.organization_id = tenant AND b.id = ANY (budget_ids) AND (call_cost > 0 OR b.period_start < month);
  INSERT INTO usage_reservations (id, organization_id, user_id, api_key_id, kind, model, is_stream, tokens, cost_micros,
    started_at, expires_at)
  VALUES (call, tenant, caller, api_key, call_kind, call_model, streams, call_tokens, call_cost, at, expires);
END
$$;

-- The open calls of all tenants that nobody has extended.
CREATE FUNCTION expired_reservations(at timestamptz, maximum integer) RETURNS SETOF usage_reservations
LANGUAGE sql STABLE AS $$
  SELECT * FROM usage_reservations WHERE expires_at <= at ORDER BY expires_at, id LIMIT maximum
$$;
CALL protect_system_function('expired_reservations(timestamptz, integer)');

CREATE FUNCTION extend_reservations(ids uuid[], until timestamptz) RETURNS bigint
LANGUAGE sql AS $$
  WITH extended AS (
    UPDATE usage_reservations SET expires_at = until WHERE id = ANY (ids) RETURNING 1
  ) SELECT count(*) FROM extended
$$;
CALL protect_system_function('extend_reservations(uuid[], timestamptz)');
