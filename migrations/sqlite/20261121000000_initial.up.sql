-- Ids are UUIDs in BLOB(16): they sort as their bytes do, as the application compares them, and take less than half of
-- the 36 characters of the text form in every row and index. Times are microseconds since 1970.
--
-- organization_id is the tenant that every statement names. People (contributor_id, reviewed_by, …) are plain values:
-- an account is only ever deleted softly, and conversations may be made where the accounts are not at hand.

CREATE TABLE organizations (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  name TEXT NOT NULL
) WITHOUT ROWID;

-- The organisation that sign-ups join: 00000000-0000-7000-8000-000000000001.
INSERT INTO organizations (id, name) VALUES (X'00000000000070008000000000000001', 'Default');

CREATE TABLE users (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  email TEXT NOT NULL,
  password_hash TEXT,
  display_name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('user', 'contributor', 'admin')),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
);
CREATE UNIQUE INDEX users_live_email ON users (email) WHERE deleted_at IS NULL;
CREATE INDEX users_newest ON users (organization_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;

CREATE TABLE sessions (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  token_hash BLOB NOT NULL UNIQUE CHECK (length(token_hash) = 32),
  user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  organization_id BLOB NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('user', 'contributor', 'admin')),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  ip_address TEXT,
  user_agent TEXT
);
CREATE INDEX sessions_of_user ON sessions (user_id, created_at DESC, id DESC);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

CREATE TABLE conversations (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  title TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX conversations_of_owner ON conversations (organization_id, user_id, updated_at DESC, id DESC);

CREATE TABLE chat_messages (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  conversation_id BLOB NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
  organization_id BLOB NOT NULL,
  parent_id BLOB,
  role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'system')),
  content TEXT NOT NULL,
  sources TEXT NOT NULL CHECK (json_valid(sources)),
  citations TEXT NOT NULL CHECK (json_valid(citations)),
  model TEXT,
  finish_reason TEXT,
  prompt_tokens INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);
CREATE INDEX chat_messages_of_conversation ON chat_messages (conversation_id, created_at, id);

CREATE TABLE knowledge_submissions (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  contributor_id BLOB NOT NULL,
  title TEXT NOT NULL,
  content_kind TEXT NOT NULL CHECK (content_kind IN ('text', 'url', 'file')),
  url TEXT,
  file_name TEXT,
  media_type TEXT,
  byte_count INTEGER,
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  document_id BLOB,
  source_uri TEXT,
  status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'rejected')),
  reviewed_by BLOB,
  reviewed_at INTEGER,
  note TEXT,
  job_id BLOB,
  created_at INTEGER NOT NULL
);
CREATE INDEX knowledge_submissions_newest ON knowledge_submissions (organization_id, created_at DESC, id DESC);
CREATE INDEX knowledge_submissions_by_status
  ON knowledge_submissions (organization_id, status, created_at DESC, id DESC);
CREATE INDEX knowledge_submissions_of_contributor
  ON knowledge_submissions (organization_id, contributor_id, created_at DESC, id DESC);

-- The bytes lie apart, so that lists of submissions do not read them.
CREATE TABLE submission_payloads (
  submission_id BLOB PRIMARY KEY NOT NULL REFERENCES knowledge_submissions (id) ON DELETE CASCADE,
  bytes BLOB NOT NULL
);

CREATE TABLE documents (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  source_uri TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX documents_source ON documents (organization_id, source_uri) WHERE source_uri IS NOT NULL;
CREATE INDEX documents_newest ON documents (organization_id, updated_at DESC, id DESC);

-- The text is the last column: statements that do not name it do not read its pages.
CREATE TABLE document_revisions (
  row_id INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  document_id BLOB NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  organization_id BLOB NOT NULL,
  number INTEGER NOT NULL,
  title TEXT NOT NULL,
  media_type TEXT NOT NULL,
  content_hash BLOB NOT NULL CHECK (length(content_hash) = 32),
  byte_count INTEGER NOT NULL,
  metadata TEXT NOT NULL CHECK (json_valid(metadata)),
  tags TEXT NOT NULL CHECK (json_valid(tags)),
  submission_id BLOB NOT NULL,
  submitted_by BLOB NOT NULL,
  approved_by BLOB NOT NULL,
  published_at INTEGER NOT NULL,
  superseded_at INTEGER,
  text TEXT NOT NULL,
  UNIQUE (document_id, number)
);
CREATE UNIQUE INDEX document_revisions_current ON document_revisions (document_id) WHERE superseded_at IS NULL;
CREATE INDEX document_revisions_by_hash
  ON document_revisions (organization_id, content_hash) WHERE superseded_at IS NULL;
CREATE INDEX document_revisions_by_publication ON document_revisions (published_at, id) WHERE superseded_at IS NULL;

CREATE TRIGGER document_revisions_are_immutable
BEFORE UPDATE OF id, document_id, number, title, content_hash, byte_count, published_at, text ON document_revisions
BEGIN
  SELECT RAISE(ABORT, 'a revision is immutable');
END;

CREATE TABLE document_chunks (
  row_id INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  revision_row_id INTEGER NOT NULL REFERENCES document_revisions (row_id) ON DELETE CASCADE,
  ordinal INTEGER NOT NULL,
  start_offset INTEGER NOT NULL,
  end_offset INTEGER NOT NULL,
  headings TEXT NOT NULL CHECK (json_valid(headings)),
  heading_text TEXT NOT NULL,
  text TEXT NOT NULL,
  UNIQUE (revision_row_id, ordinal)
);

-- What lexical search indexes of a chunk; the index reads it again only to take a chunk out. FTS5 reads no other virtual
-- table, json_each among them, so the headings are in their table as plain text too.
CREATE VIEW searchable_chunks AS
SELECT
  c.row_id AS row_id,
  r.title AS title,
  c.heading_text AS headings,
  c.text AS text
FROM document_chunks AS c
JOIN document_revisions AS r ON r.row_id = c.revision_row_id;

CREATE VIRTUAL TABLE chunk_search USING fts5 (
  title,
  headings,
  text,
  content = 'searchable_chunks',
  content_rowid = 'row_id',
  tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TABLE embedding_models (
  row_id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  dimensions INTEGER NOT NULL CHECK (dimensions > 0)
);

-- A vector is its components as little-endian 32-bit floats.
CREATE TABLE chunk_vectors (
  chunk_row_id INTEGER NOT NULL REFERENCES document_chunks (row_id) ON DELETE CASCADE,
  model_row_id INTEGER NOT NULL REFERENCES embedding_models (row_id),
  vector BLOB NOT NULL,
  PRIMARY KEY (chunk_row_id, model_row_id)
);

-- One row each time that a revision's vectors or visibility change, written in the same transaction. Each process keeps
-- the vectors in memory and reads from here what it has to load anew; the revision may be gone by then.
CREATE TABLE vector_changes (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  revision_row_id INTEGER NOT NULL
);

CREATE TABLE ingestion_jobs (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  submission_id BLOB NOT NULL REFERENCES knowledge_submissions (id),
  state TEXT NOT NULL CHECK (state IN ('queued', 'extracting', 'chunking', 'embedding', 'indexed', 'failed')),
  attempts INTEGER NOT NULL,
  lease_owner TEXT,
  lease_token BLOB,
  lease_expires_at INTEGER,
  run_after INTEGER,
  progress TEXT NOT NULL CHECK (json_valid(progress)),
  error TEXT,
  document_id BLOB,
  revision_id BLOB,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  CHECK ((lease_token IS NULL) = (lease_expires_at IS NULL))
);
CREATE INDEX ingestion_jobs_open ON ingestion_jobs (created_at, id) WHERE state NOT IN ('indexed', 'failed');
CREATE INDEX ingestion_jobs_newest ON ingestion_jobs (organization_id, created_at DESC, id DESC);
CREATE INDEX ingestion_jobs_by_state ON ingestion_jobs (organization_id, state, created_at DESC, id DESC);
CREATE INDEX ingestion_jobs_of_submission ON ingestion_jobs (submission_id);
