-- Removes counters of all tenants that say nothing: their day is over, their requests have come back, and the account that
-- they count for is no longer new.
--
-- A counter of day 0 has admitted nothing yet, and may be one that a call makes in this moment: reserve_usage would find it
-- gone between making and locking it. It stays. One that a call has locked is left for the next time.
CREATE INDEX usage_counters_by_day ON usage_counters (day);

CREATE FUNCTION delete_idle_counters(at timestamptz, maximum integer) RETURNS bigint
LANGUAGE sql AS $$
  WITH idle AS (
    SELECT c.organization_id, c.scope, c.subject_id FROM usage_counters AS c
    WHERE c.day > 0 AND c.day < ((extract(epoch FROM at) * 1000000)::bigint / 86400000000)::integer
      AND c.accounted <= (extract(epoch FROM at) * 1000000)::bigint
      AND (c.first_day_requests = 0 OR NOT EXISTS (
        SELECT FROM users AS u
        WHERE u.id = c.subject_id AND u.organization_id = c.organization_id AND u.created_at > at - interval '24 hours'))
    LIMIT maximum FOR UPDATE OF c SKIP LOCKED
  ), gone AS (
    DELETE FROM usage_counters AS c USING idle
    WHERE c.organization_id = idle.organization_id AND c.scope = idle.scope AND c.subject_id = idle.subject_id
    RETURNING 1
  ) SELECT count(*) FROM gone
$$;
CALL protect_system_function('delete_idle_counters(timestamptz, integer)');
