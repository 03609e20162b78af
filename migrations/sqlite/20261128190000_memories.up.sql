-- What people have said about themselves.
CREATE TABLE user_memories (
  row_id INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
  organization_id BLOB NOT NULL,
  user_id BLOB NOT NULL,
  content TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
);
CREATE INDEX user_memories_of_user ON user_memories (organization_id, user_id, updated_at, id);
