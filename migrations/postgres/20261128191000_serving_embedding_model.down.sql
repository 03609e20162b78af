DROP FUNCTION tenant_of_unembedded(text);
CREATE FUNCTION tenant_of_unembedded(model text) RETURNS uuid
LANGUAGE sql STABLE AS $$
  SELECT r.organization_id FROM document_revisions AS r
  WHERE r.superseded_at IS NULL AND EXISTS (
    SELECT FROM document_chunks AS c
    WHERE c.revision_id = r.id AND NOT EXISTS (
      SELECT FROM chunk_embeddings AS e WHERE e.chunk_id = c.id AND e.embedding_model = model))
  ORDER BY r.published_at, r.id LIMIT 1
$$;
CALL protect_system_function('tenant_of_unembedded(text)');
DROP FUNCTION remove_embeddings(text, integer);
DROP FUNCTION count_passages();
DROP FUNCTION embedding_inventory();
DROP FUNCTION take_embedding_turn(text, timestamptz, timestamptz);
DROP FUNCTION serve_embedding_model(text, text, timestamptz);
DROP FUNCTION serving_embedding_model();
DROP TABLE serving_embedding_model;
