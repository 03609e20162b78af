DROP FUNCTION matching_chunks(tsquery, sparsevec, double precision, double precision);
