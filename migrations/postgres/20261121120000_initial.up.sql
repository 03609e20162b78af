-- Ids are UUIDs (version 7), made by the application. Times are timestamptz, whole microseconds.
--
-- organization_id is the tenant. Row-level security is enabled and forced on every table that has one, and on
-- organizations itself. Three kinds of role take part:
--   the login           owns what it made when it ran the migrations; row-level security is forced, so it holds for it
--   opentier_app        what every transaction of the application runs as: sees the rows of app.organization_id alone
--   opentier_system     owns the few functions that must look across tenants (whose token is this? which job is next?);
--                       it cannot log in, and no transaction runs as it
-- None of them has BYPASSRLS. Roles belong to the whole server, so taking this migration back leaves them.
--
-- Foreign keys between tenant-owned tables name the tenant too: the checks behind them do not look at policies, and
-- without it a row could point at, and be deleted with, one of another tenant.

CREATE EXTENSION IF NOT EXISTS vector;

-- What runs as opentier_system finds names in this schema, so nobody else may put any there. Since PostgreSQL 15 that
-- is the default; a database that was upgraded keeps the older one.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;

DO $$
DECLARE
  role_name text;
  -- Since PostgreSQL 16 who makes a role is a member without the right to act as it, and a membership can be without
  -- inheritance: then even what forgets to change the role sees no row.
  is_16 boolean := current_setting('server_version_num')::integer >= 160000;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['opentier_app', 'opentier_system'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN
        NULL; -- Another database of this server made it in this moment.
      END;
    END IF;
    IF NOT pg_has_role(current_user, role_name, CASE WHEN is_16 THEN 'SET' ELSE 'MEMBER' END) THEN
      EXECUTE format(
        'GRANT %I TO CURRENT_USER %s', role_name, CASE WHEN is_16 THEN 'WITH INHERIT FALSE, SET TRUE' END);
    END IF;
  END LOOP;
END
$$;

GRANT USAGE ON SCHEMA public TO opentier_app, opentier_system;

-- The tenant of the transaction, or NULL: then no row is visible.
CREATE FUNCTION current_organization() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.organization_id', true), '')::uuid;

-- A statement that does not name updated_at moves it to the time of the transaction.
CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.updated_at IS NOT DISTINCT FROM OLD.updated_at THEN
    NEW.updated_at = now();
  END IF;
  RETURN NEW;
END
$$;

CREATE TYPE user_role AS ENUM ('user', 'contributor', 'admin');
CREATE TYPE message_role AS ENUM ('user', 'assistant', 'system');
CREATE TYPE submission_status AS ENUM ('pending', 'approved', 'rejected');
CREATE TYPE content_kind AS ENUM ('text', 'url', 'file');
CREATE TYPE job_state AS ENUM ('queued', 'extracting', 'chunking', 'embedding', 'indexed', 'failed');

CREATE TABLE organizations (
  id uuid PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- The organisation that sign-ups join.
INSERT INTO organizations (id, name) VALUES ('00000000-0000-7000-8000-000000000001', 'Default');

-- Identity

CREATE TABLE users (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  email text NOT NULL,
  email_verified timestamptz,
  password_hash text,
  display_name text NOT NULL,
  role user_role NOT NULL DEFAULT 'user',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  deleted_at timestamptz,
  UNIQUE (organization_id, id)
);
COMMENT ON COLUMN users.password_hash IS 'bcrypt ($2b$), or NULL for an account that signs in by OAuth only';
-- An address is unique among the accounts that are not deleted, over all tenants.
CREATE UNIQUE INDEX users_live_email ON users (email) WHERE deleted_at IS NULL;
CREATE INDEX users_newest ON users (organization_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE TRIGGER users_updated_at BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE sessions (
  id uuid PRIMARY KEY,
  session_token bytea NOT NULL CHECK (octet_length(session_token) = 32),
  user_id uuid NOT NULL,
  organization_id uuid NOT NULL,
  role user_role NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
  ip_address inet,
  user_agent text,
  FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN sessions.session_token IS 'SHA-256 of the 64 random alphanumerics that the client holds';
COMMENT ON COLUMN sessions.role IS 'the role of the user at sign-in';
CREATE UNIQUE INDEX sessions_session_token ON sessions (session_token);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at DESC, id DESC);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE accounts (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id uuid NOT NULL,
  provider text NOT NULL,
  provider_account_id text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (provider, provider_account_id),
  FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX accounts_of_user ON accounts (user_id);

CREATE TABLE verification_tokens (
  token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  organization_id uuid NOT NULL,
  user_id uuid NOT NULL,
  email text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX verification_tokens_of_user ON verification_tokens (user_id);

CREATE TABLE password_reset_tokens (
  token_hash bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
  organization_id uuid NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  used_at timestamptz,
  FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX password_reset_tokens_of_user ON password_reset_tokens (user_id);

CREATE TABLE api_keys (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id uuid NOT NULL,
  name text NOT NULL,
  key_hash bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  role user_role NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  FOREIGN KEY (organization_id, user_id) REFERENCES users (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX api_keys_of_user ON api_keys (user_id) WHERE revoked_at IS NULL;

-- Conversations

CREATE TABLE conversations (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id varchar(255) NOT NULL,
  title text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, id)
);
COMMENT ON COLUMN conversations.user_id
  IS 'no foreign key: conversations may be made where the accounts are not at hand';
CREATE INDEX conversations_of_owner ON conversations (organization_id, user_id, updated_at DESC, id DESC);
CREATE TRIGGER conversations_updated_at
  BEFORE UPDATE ON conversations FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE chat_messages (
  id uuid PRIMARY KEY,
  conversation_id uuid NOT NULL,
  organization_id uuid NOT NULL,
  parent_id uuid,
  role message_role NOT NULL,
  content text NOT NULL,
  sources jsonb NOT NULL DEFAULT '[]',
  citations jsonb NOT NULL DEFAULT '[]',
  model text,
  finish_reason text,
  prompt_tokens integer NOT NULL DEFAULT 0,
  completion_tokens integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (conversation_id, id),
  FOREIGN KEY (organization_id, conversation_id) REFERENCES conversations (organization_id, id) ON DELETE CASCADE,
  FOREIGN KEY (conversation_id, parent_id) REFERENCES chat_messages (conversation_id, id) ON DELETE CASCADE
);
CREATE INDEX chat_messages_of_conversation ON chat_messages (conversation_id, created_at, id);
CREATE INDEX chat_messages_of_parent ON chat_messages (parent_id) WHERE parent_id IS NOT NULL;

CREATE TABLE user_memories (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id varchar(255) NOT NULL,
  content text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX user_memories_of_user ON user_memories (organization_id, user_id, updated_at DESC, id DESC);
CREATE TRIGGER user_memories_updated_at
  BEFORE UPDATE ON user_memories FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- Knowledge

CREATE TABLE knowledge_submissions (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  contributor_id uuid NOT NULL,
  title text NOT NULL,
  content_kind content_kind NOT NULL,
  url text,
  file_name text,
  media_type text,
  byte_count bigint,
  metadata jsonb NOT NULL DEFAULT '{}',
  document_id uuid,
  source_uri text,
  status submission_status NOT NULL DEFAULT 'pending',
  reviewed_by uuid,
  reviewed_at timestamptz,
  note text,
  job_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, id)
);
CREATE INDEX knowledge_submissions_newest ON knowledge_submissions (organization_id, created_at DESC, id DESC);
-- Comparing enumerations is not leakproof, so under row-level security a status can be no condition of an index, only
-- its predicate. Most submissions end as approved, for which the index above will do.
CREATE INDEX knowledge_submissions_pending
  ON knowledge_submissions (organization_id, created_at DESC, id DESC) WHERE status = 'pending';
CREATE INDEX knowledge_submissions_rejected
  ON knowledge_submissions (organization_id, created_at DESC, id DESC) WHERE status = 'rejected';
CREATE INDEX knowledge_submissions_of_contributor
  ON knowledge_submissions (organization_id, contributor_id, created_at DESC, id DESC);

-- The bytes lie apart, so that lists of submissions do not read them.
CREATE TABLE submission_payloads (
  submission_id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  bytes bytea NOT NULL,
  FOREIGN KEY (organization_id, submission_id) REFERENCES knowledge_submissions (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE documents (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  source_uri text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organization_id, id)
);
-- A source may be longer than an entry of a B-tree, so its digest is indexed. The encoding of a database never changes:
-- hence immutable.
CREATE FUNCTION source_digest(source text) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sha256(convert_to(source, 'UTF8'));
CREATE UNIQUE INDEX documents_source
  ON documents (organization_id, source_digest(source_uri)) WHERE source_uri IS NOT NULL;
CREATE INDEX documents_newest ON documents (organization_id, updated_at DESC, id DESC);
CREATE TRIGGER documents_updated_at BEFORE UPDATE ON documents FOR EACH ROW EXECUTE FUNCTION set_updated_at();

CREATE TABLE document_revisions (
  id uuid PRIMARY KEY,
  document_id uuid NOT NULL,
  organization_id uuid NOT NULL,
  number integer NOT NULL,
  title text NOT NULL,
  media_type text NOT NULL,
  content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
  byte_count bigint NOT NULL,
  metadata jsonb NOT NULL DEFAULT '{}',
  tags text[] NOT NULL DEFAULT '{}',
  submission_id uuid NOT NULL,
  submitted_by uuid NOT NULL,
  approved_by uuid NOT NULL,
  published_at timestamptz NOT NULL,
  superseded_at timestamptz,
  text text NOT NULL,
  UNIQUE (document_id, number),
  UNIQUE (organization_id, id),
  FOREIGN KEY (organization_id, document_id) REFERENCES documents (organization_id, id) ON DELETE CASCADE
);
CREATE UNIQUE INDEX document_revisions_current ON document_revisions (document_id) WHERE superseded_at IS NULL;
CREATE INDEX document_revisions_by_hash
  ON document_revisions (organization_id, content_hash) WHERE superseded_at IS NULL;
CREATE INDEX document_revisions_by_publication ON document_revisions (published_at, id) WHERE superseded_at IS NULL;

CREATE FUNCTION refuse_revision_change() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a revision is immutable' USING ERRCODE = 'integrity_constraint_violation';
END
$$;
-- All that was published stays as it was; only its end is written later.
CREATE TRIGGER document_revisions_are_immutable
  BEFORE UPDATE OF id, document_id, organization_id, number, title, media_type, content_hash, byte_count, metadata,
    tags, submission_id, submitted_by, approved_by, published_at, text
  ON document_revisions
  FOR EACH ROW EXECUTE FUNCTION refuse_revision_change();

CREATE TABLE document_chunks (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  revision_id uuid NOT NULL,
  ordinal integer NOT NULL,
  start_offset integer NOT NULL,
  end_offset integer NOT NULL,
  headings text[] NOT NULL DEFAULT '{}',
  text text NOT NULL,
  UNIQUE (revision_id, ordinal),
  UNIQUE (organization_id, id),
  FOREIGN KEY (organization_id, revision_id) REFERENCES document_revisions (organization_id, id) ON DELETE CASCADE
);
COMMENT ON COLUMN document_chunks.start_offset IS 'in bytes of the UTF-8 of the text of the revision';

-- Jobs and events

CREATE TABLE ingestion_jobs (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  submission_id uuid NOT NULL,
  state job_state NOT NULL DEFAULT 'queued',
  attempts integer NOT NULL DEFAULT 0,
  lease_owner text,
  lease_token uuid,
  lease_expires_at timestamptz,
  run_after timestamptz,
  progress jsonb NOT NULL DEFAULT '{}',
  error text,
  document_id uuid,
  revision_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL)),
  FOREIGN KEY (organization_id, submission_id) REFERENCES knowledge_submissions (organization_id, id)
);
-- Open jobs by tenant: the queue looks at the first few of each tenant and at those that run.
CREATE INDEX ingestion_jobs_open
  ON ingestion_jobs (organization_id, created_at, id) WHERE state NOT IN ('indexed', 'failed');
CREATE INDEX ingestion_jobs_leased ON ingestion_jobs (lease_expires_at) WHERE lease_token IS NOT NULL;
CREATE INDEX ingestion_jobs_newest ON ingestion_jobs (organization_id, created_at DESC, id DESC);
CREATE INDEX ingestion_jobs_by_state ON ingestion_jobs (organization_id, state, created_at DESC, id DESC);
CREATE INDEX ingestion_jobs_of_submission ON ingestion_jobs (submission_id);
CREATE TRIGGER ingestion_jobs_updated_at
  BEFORE UPDATE ON ingestion_jobs FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- What happened, written in the transaction that made it so. A relay hands the events on and marks them.
CREATE TABLE outbox (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL,
  subject_id uuid NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  occurred_at timestamptz NOT NULL,
  lease_token uuid,
  lease_expires_at timestamptz,
  delivered_at timestamptz
);
CREATE INDEX outbox_waiting ON outbox (position) WHERE delivered_at IS NULL;
CREATE INDEX outbox_delivered ON outbox (delivered_at) WHERE delivered_at IS NOT NULL;

-- Governance

CREATE TABLE usage_events (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  user_id varchar(255) NOT NULL,
  kind text NOT NULL,
  model text,
  prompt_tokens bigint NOT NULL DEFAULT 0,
  completion_tokens bigint NOT NULL DEFAULT 0,
  cost_micros bigint NOT NULL DEFAULT 0,
  occurred_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN usage_events.cost_micros IS 'millionths of the currency of the deployment';
CREATE INDEX usage_events_newest ON usage_events (organization_id, occurred_at DESC, id DESC);
CREATE INDEX usage_events_of_user ON usage_events (organization_id, user_id, occurred_at DESC);

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

CREATE TABLE audit_log (
  id uuid PRIMARY KEY,
  organization_id uuid NOT NULL,
  actor_id varchar(255) NOT NULL,
  action text NOT NULL,
  subject_id uuid,
  details jsonb NOT NULL DEFAULT '{}',
  ip_address inet,
  occurred_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX audit_log_newest ON audit_log (organization_id, occurred_at DESC, id DESC);

CREATE TABLE feature_flags (
  organization_id uuid NOT NULL,
  name text NOT NULL,
  value jsonb NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, name)
);
CREATE TRIGGER feature_flags_updated_at
  BEFORE UPDATE ON feature_flags FOR EACH ROW EXECUTE FUNCTION set_updated_at();

-- Enables and forces row-level security on a tenant-owned table and grants the two roles what they need. Later
-- migrations call it for the tables that they make.
CREATE PROCEDURE protect_tenant_table(target regclass, tenant_column name DEFAULT 'organization_id')
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format(
    'CREATE POLICY tenant ON %s TO opentier_app USING (%I = current_organization())'
    ' WITH CHECK (%I = current_organization())', target, tenant_column, tenant_column);
  EXECUTE format('CREATE POLICY system ON %s TO opentier_system USING (true) WITH CHECK (true)', target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO opentier_app, opentier_system', target);
END
$$;
REVOKE ALL ON PROCEDURE protect_tenant_table FROM PUBLIC;

CALL protect_tenant_table('organizations', 'id');
CALL protect_tenant_table('users');
CALL protect_tenant_table('sessions');
CALL protect_tenant_table('accounts');
CALL protect_tenant_table('verification_tokens');
CALL protect_tenant_table('password_reset_tokens');
CALL protect_tenant_table('api_keys');
CALL protect_tenant_table('conversations');
CALL protect_tenant_table('chat_messages');
CALL protect_tenant_table('user_memories');
CALL protect_tenant_table('knowledge_submissions');
CALL protect_tenant_table('submission_payloads');
CALL protect_tenant_table('documents');
CALL protect_tenant_table('document_revisions');
CALL protect_tenant_table('document_chunks');
CALL protect_tenant_table('ingestion_jobs');
CALL protect_tenant_table('outbox');
CALL protect_tenant_table('usage_events');
CALL protect_tenant_table('quotas');
CALL protect_tenant_table('budgets');
CALL protect_tenant_table('audit_log');
CALL protect_tenant_table('feature_flags');

-- What was done stays done.
REVOKE UPDATE, DELETE ON audit_log FROM opentier_app;
-- A tenant's name may change; tenants are made and removed by whoever runs the migrations.
REVOKE INSERT, DELETE ON organizations FROM opentier_app;

-- Hands a function that looks across tenants to opentier_system, to be called by opentier_app alone. Later migrations
-- call it for the functions that they make.
CREATE PROCEDURE protect_system_function(target regprocedure)
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', target);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO opentier_app', target);
  EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, public, pg_temp', target);
  EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER', target);
  -- Only who may create in a schema may own what is in it.
  GRANT CREATE ON SCHEMA public TO opentier_system;
  EXECUTE format('ALTER FUNCTION %s OWNER TO opentier_system', target);
  REVOKE CREATE ON SCHEMA public FROM opentier_system;
END
$$;
REVOKE ALL ON PROCEDURE protect_system_function FROM PUBLIC;

-- The live session of a token: one look-up that also gives the tenant and the role. Every request makes it, so it is in
-- PL/pgSQL, which keeps the plan for the length of the connection; a function in SQL plans each time that it is called.
CREATE FUNCTION find_session(token bytea, at timestamptz)
RETURNS TABLE (
  id uuid, user_id uuid, organization_id uuid, role user_role, created_at timestamptz, expires_at timestamptz,
  ip_address text, user_agent text)
LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
  RETURN QUERY
    SELECT s.id, s.user_id, s.organization_id, s.role, s.created_at, s.expires_at, host(s.ip_address), s.user_agent
    FROM sessions AS s JOIN users AS u ON u.id = s.user_id
    WHERE s.session_token = token AND s.expires_at > at AND u.deleted_at IS NULL;
END
$$;
CALL protect_system_function('find_session(bytea, timestamptz)');

CREATE FUNCTION delete_expired_sessions(at timestamptz) RETURNS bigint
LANGUAGE sql AS $$
  WITH gone AS (DELETE FROM sessions WHERE expires_at <= at RETURNING 1) SELECT count(*) FROM gone
$$;
CALL protect_system_function('delete_expired_sessions(timestamptz)');

-- The live account of an address: sign-in knows the tenant only afterwards.
CREATE FUNCTION find_credentials(address text) RETURNS SETOF users
LANGUAGE sql STABLE AS $$
  SELECT * FROM users WHERE email = address AND deleted_at IS NULL
$$;
CALL protect_system_function('find_credentials(text)');

-- Whether there is any live account, over all tenants.
CREATE FUNCTION has_accounts() RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT EXISTS (SELECT FROM users WHERE deleted_at IS NULL)
$$;
CALL protect_system_function('has_accounts()');
