-- The model whose vectors searches compare with: one for the whole file. While another replaces it, a process that has
-- the turn makes the other's vectors. What was embedded before this table was there is of the one model there was.
CREATE TABLE serving_embedding_model (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  name TEXT NOT NULL,
  since INTEGER NOT NULL,
  turn_holder TEXT,
  turn_expires_at INTEGER
);

INSERT INTO serving_embedding_model (only_row, name, since)
SELECT 1, m.name, 0 FROM embedding_models AS m JOIN chunk_vectors AS v ON v.model_row_id = m.row_id
GROUP BY m.row_id ORDER BY count(*) DESC LIMIT 1;

-- Vectors of one model are counted and removed.
CREATE INDEX chunk_vectors_of_model ON chunk_vectors (model_row_id);
