DROP INDEX chunk_vectors_of_model;
DROP TABLE serving_embedding_model;
