-- The model whose vectors searches compare with, for the whole deployment: it belongs to no tenant, and is reached by
-- the functions below alone. While another model replaces it, the replica that has the turn makes the other's vectors.
CREATE TABLE serving_embedding_model (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  name text NOT NULL,
  since timestamptz NOT NULL,
  turn_holder text,
  turn_expires_at timestamptz
);
GRANT SELECT, INSERT, UPDATE ON serving_embedding_model TO opentier_system;

-- What was embedded before this table was there is of the one model there was.
SET LOCAL ROLE opentier_system;
INSERT INTO serving_embedding_model (name, since)
SELECT embedding_model, 'epoch' FROM chunk_embeddings GROUP BY 1 ORDER BY count(*) DESC LIMIT 1;
RESET ROLE;

CREATE FUNCTION serving_embedding_model() RETURNS TABLE (name text)
LANGUAGE sql STABLE AS $$
  SELECT s.name FROM serving_embedding_model AS s
$$;
CALL protect_system_function('serving_embedding_model()');

-- Names the model that serves unless another than `former` does; gives the one that serves then.
CREATE FUNCTION serve_embedding_model(model text, former text, at timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO serving_embedding_model AS s (name, since) VALUES (model, at)
  ON CONFLICT (only_row) DO UPDATE SET name = excluded.name, since = excluded.since WHERE s.name = former;
  RETURN (SELECT s.name FROM serving_embedding_model AS s);
END
$$;
CALL protect_system_function('serve_embedding_model(text, text, timestamptz)');

CREATE FUNCTION take_embedding_turn(holder text, at timestamptz, until timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
  UPDATE serving_embedding_model SET turn_holder = holder, turn_expires_at = until
  WHERE turn_holder IS NULL OR turn_holder = holder OR turn_expires_at <= at;
  RETURN FOUND;
END
$$;
CALL protect_system_function('take_embedding_turn(text, timestamptz, timestamptz)');

CREATE FUNCTION embedding_inventory() RETURNS TABLE (name text, dimensions integer, vectors bigint)
LANGUAGE sql STABLE AS $$
  SELECT e.embedding_model, (SELECT max(m.dimensions) FROM embedding_models AS m WHERE m.name = e.embedding_model),
    count(*)
  FROM chunk_embeddings AS e GROUP BY 1 ORDER BY 1
$$;
CALL protect_system_function('embedding_inventory()');

CREATE FUNCTION count_passages() RETURNS bigint
LANGUAGE sql STABLE AS $$ SELECT count(*) FROM document_chunks $$;
CALL protect_system_function('count_passages()');

-- Removes vectors of a model that does not serve, so many at most; gives how many.
CREATE FUNCTION remove_embeddings(model text, most integer) RETURNS bigint
LANGUAGE sql AS $$
  WITH gone AS (
    DELETE FROM chunk_embeddings WHERE ctid = ANY (ARRAY(
      SELECT e.ctid FROM chunk_embeddings AS e
      WHERE e.embedding_model = model AND NOT EXISTS (SELECT FROM serving_embedding_model AS s WHERE s.name = model)
      LIMIT most))
    RETURNING 1)
  SELECT count(*) FROM gone
$$;
CALL protect_system_function('remove_embeddings(text, integer)');

-- Former revisions get their vectors as well, after the current ones: questions as of then are answered from them.
DROP FUNCTION tenant_of_unembedded(text);
CREATE FUNCTION tenant_of_unembedded(model text) RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT coalesce(
    (SELECT r.organization_id FROM document_revisions AS r
      WHERE r.superseded_at IS NULL AND EXISTS (
        SELECT FROM document_chunks AS c
        WHERE c.revision_id = r.id AND NOT EXISTS (
          SELECT FROM chunk_embeddings AS e WHERE e.chunk_id = c.id AND e.embedding_model = model))
      ORDER BY r.published_at, r.id LIMIT 1),
    (SELECT r.organization_id FROM document_revisions AS r
      WHERE r.superseded_at IS NOT NULL AND EXISTS (
        SELECT FROM document_chunks AS c
        WHERE c.revision_id = r.id AND NOT EXISTS (
          SELECT FROM chunk_embeddings AS e WHERE e.chunk_id = c.id AND e.embedding_model = model))
      ORDER BY r.published_at, r.id LIMIT 1))
$$;
CALL protect_system_function('tenant_of_unembedded(text)');
