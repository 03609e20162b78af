DROP FUNCTION extend_reservations(uuid[], timestamptz);
DROP FUNCTION expired_reservations(timestamptz, integer);
DROP FUNCTION reserve_usage(
  uuid, uuid, uuid, uuid, text, text, boolean, bigint, bigint, timestamptz, timestamptz, bigint[], bigint[], bigint[],
  bigint[], bigint, bigint);
DROP TABLE budgets;
DROP TABLE usage_reservations;
DROP TABLE usage_counters;

ALTER TABLE usage_events
  DROP COLUMN outcome,
  DROP COLUMN api_key_id,
  ALTER COLUMN occurred_at SET DEFAULT now(),
  ALTER COLUMN user_id TYPE varchar(255) USING user_id::text;
COMMENT ON COLUMN usage_events.occurred_at IS NULL;

CREATE TABLE quotas (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id varchar(255),
  metric text NOT NULL,
  period interval NOT NULL,
  maximum bigint NOT NULL CHECK (maximum >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE NULLS NOT DISTINCT (organization_id, user_id, metric, period)
);
CREATE TRIGGER quotas_updated_at BEFORE UPDATE ON quotas FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE budgets (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  name text NOT NULL,
  period interval NOT NULL,
  maximum_micros bigint NOT NULL CHECK (maximum_micros >= 0),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, name)
);
CREATE TRIGGER budgets_updated_at BEFORE UPDATE ON budgets FOR EACH ROW EXECUTE FUNCTION set_updated_at();
CALL protect_tenant_table('quotas');
CALL protect_tenant_table('budgets');
