-- In this order: the second has a check that names the first.
ALTER TABLE document_chunks DROP COLUMN end_page;
ALTER TABLE document_chunks DROP COLUMN start_page;
