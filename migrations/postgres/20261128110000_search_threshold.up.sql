-- A search that knows what score the best have asks for no chunk that cannot reach it: most of those that match are then
-- neither sorted nor handed on. The function of three arguments stays for replicas of the former version, which serve on
-- while this one replaces them.

-- The tenant's chunks that match and can reach a score, by the highest that they can have, ties by id.
--
-- Under the tenant's policy the GIN index could not be used, since @@ may tell of rows that the policy hides: so this is
-- a system function that names the tenant itself.
CREATE FUNCTION matching_chunks(
  query tsquery, weights sparsevec, average_length double precision, threshold double precision)
RETURNS TABLE (chunk_id uuid, revision_id uuid, highest double precision, lowest double precision)
LANGUAGE plpgsql STABLE ROWS 1000
-- The index is the point of the function, and compiling costs more than it gains.
SET enable_seqscan = off SET jit = off SET max_parallel_workers_per_gather = 0
AS $$
DECLARE
  tenant uuid := current_organization();
BEGIN
  RETURN QUERY
    SELECT c.id, c.revision_id, s.highest, s.lowest
    FROM (
      SELECT d.id, d.revision_id, d.word_count, -(d.word_weights <#> weights) AS score
      FROM document_chunks AS d
      WHERE d.words @@ query AND d.organization_id = tenant
      -- Keeps the product from being reckoned anew wherever it is spoken of.
      OFFSET 0
    ) AS c
    CROSS JOIN LATERAL score_range(c.score, c.word_count, average_length) AS s
    WHERE s.highest >= threshold
    ORDER BY s.highest DESC, c.id;
END
$$;
CALL protect_system_function('matching_chunks(tsquery, sparsevec, double precision, double precision)');
