-- Search: by words (BM25) and by vectors (cosine). docs/decisions/0011-search-in-postgresql.md says why it is so.

-- By words
--
-- words         the stems of a chunk, its title and headings, as the application splits them. A lexeme is the last four
--               hexadecimal digits of the tenant's id and the stem, so that the lists of the GIN index are a tenant's
--               own; its one position is how often the word occurs. No text search configuration takes part.
-- word_weights  by a hash of the word, what BM25 makes of its frequency, in a chunk of this length where the average
--               is 128 words: the inner product with the words' inverse document frequencies is nearly the score.
-- word_count    the length: all words, repetitions included.
ALTER TABLE document_chunks
  ADD COLUMN words tsvector NOT NULL DEFAULT '',
  ADD COLUMN word_weights sparsevec(1000000000) NOT NULL DEFAULT '{}/1000000000',
  ADD COLUMN word_count integer NOT NULL DEFAULT 0;
-- A search reads the weights of thousands of rows, and the words of some hundred: so the words lie apart, not compressed,
-- and the weights with the row.
ALTER TABLE document_chunks ALTER COLUMN words SET STORAGE EXTERNAL;
ALTER TABLE document_chunks ALTER COLUMN word_weights SET STORAGE MAIN;
ALTER TABLE document_chunks SET (toast_tuple_target = 1200);
-- Without a list of pending entries, which every search would have to read from end to end.
CREATE INDEX document_chunks_words ON document_chunks USING gin (words) WITH (fastupdate = off);

-- In how many chunks of a tenant a word occurs, those of superseded revisions included.
CREATE TABLE word_statistics (
  organization_id uuid NOT NULL,
  word text COLLATE "C" NOT NULL,
  chunk_count bigint NOT NULL,
  PRIMARY KEY (organization_id, word)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.05);

-- How many chunks a tenant has, and how many words they have together.
CREATE TABLE chunk_statistics (
  organization_id uuid PRIMARY KEY,
  chunk_count bigint NOT NULL,
  word_count bigint NOT NULL
) WITH (fillfactor = 20);

CALL protect_tenant_table('word_statistics');
CALL protect_tenant_table('chunk_statistics');

-- The highest and the lowest score that BM25 can give a chunk, by what its stored weights give.
--
-- Those are made for an average length of 128 words. With k1 = 1.2 and b = 0.75, length adds 1.2 * (0.25 + 0.75 * length /
-- average) to a frequency; a word that occurs once is furthest off, by one plus that of 128 over one plus that of the
-- true average.
CREATE FUNCTION score_range(score double precision, word_count integer, average_length double precision)
RETURNS TABLE (highest double precision, lowest double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT score * greatest(r.ratio, 1::double precision), score * least(r.ratio, 1::double precision)
  FROM (
    SELECT (1.3::double precision + 0.00703125::double precision * word_count)
      / (1.3::double precision + 0.9::double precision / average_length * word_count)
  ) AS r (ratio)
$$;

-- The tenant's chunks that match, by the highest score that they can have, ties by id.
--
-- Under the tenant's policy the GIN index could not be used, since @@ may tell of rows that the policy hides: so this is
-- a system function that names the tenant itself.
CREATE FUNCTION matching_chunks(query tsquery, weights sparsevec, average_length double precision)
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
    FROM document_chunks AS c
    CROSS JOIN LATERAL score_range(-(c.word_weights <#> weights), c.word_count, average_length) AS s
    WHERE c.words @@ query AND c.organization_id = tenant
    ORDER BY s.highest DESC, c.id;
END
$$;
CALL protect_system_function('matching_chunks(tsquery, sparsevec, double precision)');

-- By vectors

-- The width of a model's vectors is that of its first.
CREATE TABLE embedding_models (
  organization_id uuid NOT NULL,
  name text NOT NULL,
  dimensions integer NOT NULL,
  PRIMARY KEY (organization_id, name)
);

-- A chunk may have vectors of several models: while one replaces another, the old ones serve.
CREATE TABLE chunk_embeddings (
  chunk_id uuid NOT NULL,
  organization_id uuid NOT NULL,
  revision_id uuid NOT NULL,
  embedding_model text NOT NULL,
  embedding vector NOT NULL,
  PRIMARY KEY (chunk_id, embedding_model),
  FOREIGN KEY (organization_id, chunk_id) REFERENCES document_chunks (organization_id, id) ON DELETE CASCADE
);
-- Few vectors, of a small tenant or of a few documents, are compared one by one.
CREATE INDEX chunk_embeddings_of_revision ON chunk_embeddings (organization_id, embedding_model, revision_id);
-- The common widths; vectors of any other are compared one by one. Half precision is half the size and finds the same:
-- what the index gives is ranked anew by the vectors themselves.
CREATE INDEX chunk_embeddings_384 ON chunk_embeddings
  USING hnsw ((embedding::halfvec(384)) halfvec_cosine_ops) WHERE vector_dims(embedding) = 384;
CREATE INDEX chunk_embeddings_768 ON chunk_embeddings
  USING hnsw ((embedding::halfvec(768)) halfvec_cosine_ops) WHERE vector_dims(embedding) = 768;
CREATE INDEX chunk_embeddings_1024 ON chunk_embeddings
  USING hnsw ((embedding::halfvec(1024)) halfvec_cosine_ops) WHERE vector_dims(embedding) = 1024;
CREATE INDEX chunk_embeddings_1536 ON chunk_embeddings
  USING hnsw ((embedding::halfvec(1536)) halfvec_cosine_ops) WHERE vector_dims(embedding) = 1536;
CREATE INDEX chunk_embeddings_3072 ON chunk_embeddings
  USING hnsw ((embedding::halfvec(3072)) halfvec_cosine_ops) WHERE vector_dims(embedding) = 3072;

CALL protect_tenant_table('embedding_models');
CALL protect_tenant_table('chunk_embeddings');

-- The tenant of the oldest chunk of a current revision that lacks a vector of the model, over all tenants.
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
