-- Counters whose day is over are looked for, to be removed.
CREATE INDEX usage_counters_by_day ON usage_counters (day);
