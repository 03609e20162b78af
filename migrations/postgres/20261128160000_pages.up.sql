-- The pages of the file that a passage lies on, counted from 1; NULL for formats without pages and for what was read
-- before they were known.
ALTER TABLE document_chunks
  ADD COLUMN start_page integer,
  ADD COLUMN end_page integer,
  ADD CONSTRAINT document_chunks_pages
    CHECK ((start_page IS NULL) = (end_page IS NULL) AND start_page >= 1 AND end_page >= start_page);
