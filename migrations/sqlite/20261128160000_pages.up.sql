-- The pages of the file that a passage lies on, counted from 1; NULL for formats without pages and for what was read
-- before they were known.
ALTER TABLE document_chunks ADD COLUMN start_page INTEGER CHECK (start_page >= 1);
ALTER TABLE document_chunks ADD COLUMN end_page INTEGER
  CHECK ((start_page IS NULL) = (end_page IS NULL) AND end_page >= start_page);
