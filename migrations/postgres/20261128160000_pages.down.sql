ALTER TABLE document_chunks
  DROP CONSTRAINT document_chunks_pages,
  DROP COLUMN end_page,
  DROP COLUMN start_page;
