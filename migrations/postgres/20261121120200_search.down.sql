DROP FUNCTION tenant_of_unembedded(text), matching_chunks(tsquery, sparsevec, double precision),
  score_range(double precision, integer, double precision);
DROP TABLE chunk_embeddings, embedding_models, chunk_statistics, word_statistics;
DROP INDEX document_chunks_words;
ALTER TABLE document_chunks RESET (toast_tuple_target);
ALTER TABLE document_chunks DROP COLUMN words, DROP COLUMN word_weights, DROP COLUMN word_count;
