DROP TABLE audit_log;
DROP TABLE budgets;
DROP TABLE usage_events;
DROP TABLE usage_reservations;
DROP TABLE usage_counters;
