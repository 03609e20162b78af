-- API keys of users: what was sent to their owner once, as its SHA-256. The scopes are a JSON array of their names.
CREATE TABLE api_keys (
  id BLOB PRIMARY KEY NOT NULL CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  user_id BLOB NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  prefix TEXT NOT NULL,
  key_hash BLOB NOT NULL UNIQUE CHECK (length(key_hash) = 32),
  scopes TEXT NOT NULL CHECK (json_valid(scopes)),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  last_used_at INTEGER
);
CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at DESC, id DESC);
CREATE INDEX api_keys_by_expiry ON api_keys (expires_at) WHERE expires_at IS NOT NULL;
