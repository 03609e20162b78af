DROP INDEX usage_counters_by_day;
