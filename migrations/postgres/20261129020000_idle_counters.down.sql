DROP FUNCTION delete_idle_counters(timestamptz, integer);
DROP INDEX usage_counters_by_day;
