-- What calls may use and have used. A call is reserved with the most that it is expected to use, and recorded with what it
-- used; the counters say what of each limit is taken, by open calls and by those that have ended.
CREATE TABLE usage_counters (
  organization_id BLOB NOT NULL,
  scope TEXT NOT NULL,
  subject_id BLOB NOT NULL CHECK (length(subject_id) = 16),
  -- Up to when requests are accounted for, in microseconds since 1970.
  accounted INTEGER NOT NULL,
  -- The day of the tokens, counted from 1970-01-01 (UTC).
  day INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  first_day_requests INTEGER NOT NULL,
  PRIMARY KEY (organization_id, scope, subject_id)
) WITHOUT ROWID;

CREATE TABLE usage_reservations (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  api_key_id BLOB,
  kind TEXT NOT NULL,
  model TEXT,
  is_stream INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  cost_micros INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE INDEX usage_reservations_of_user ON usage_reservations (organization_id, user_id);
CREATE INDEX usage_reservations_by_expiry ON usage_reservations (expires_at);

CREATE TABLE usage_events (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  api_key_id BLOB,
  kind TEXT NOT NULL,
  model TEXT,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  -- Millionths of the currency of the deployment.
  cost_micros INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  occurred_at INTEGER NOT NULL
);
CREATE INDEX usage_events_newest ON usage_events (organization_id, occurred_at);
CREATE INDEX usage_events_of_user ON usage_events (organization_id, user_id, occurred_at);

CREATE TABLE budgets (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  -- NULL for the budget of the organisation.
  user_id BLOB,
  limit_micros INTEGER NOT NULL CHECK (limit_micros >= 0),
  period_start INTEGER NOT NULL,
  spent_micros INTEGER NOT NULL,
  reserved_micros INTEGER NOT NULL,
  alerted_percent INTEGER NOT NULL,
  override_expires_at INTEGER,
  override_reason TEXT,
  override_by BLOB,
  CHECK ((override_expires_at IS NULL) = (override_reason IS NULL)),
  CHECK ((override_expires_at IS NULL) = (override_by IS NULL))
);
CREATE UNIQUE INDEX budgets_of_organization ON budgets (organization_id) WHERE user_id IS NULL;
CREATE UNIQUE INDEX budgets_of_user ON budgets (organization_id, user_id) WHERE user_id IS NOT NULL;

CREATE TABLE audit_log (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  actor_id BLOB NOT NULL,
  action TEXT NOT NULL,
  subject_id BLOB,
  details TEXT NOT NULL CHECK (json_valid(details)),
  occurred_at INTEGER NOT NULL
);
CREATE INDEX audit_log_newest ON audit_log (organization_id, occurred_at DESC, id DESC);
