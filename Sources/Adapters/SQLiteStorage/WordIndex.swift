import GRDB

extension Database {
  /// Adds a revision's chunks to the index of words.
  func indexWords(ofRevision revision: Int64) throws {
    try execute(
      cached: """
        INSERT INTO chunk_search (rowid, title, headings, text)
        SELECT s.row_id, s.title, s.headings, s.text
        FROM document_chunks AS c JOIN searchable_chunks AS s ON s.row_id = c.row_id WHERE c.revision_row_id = ?
        """,
      arguments: [revision])
  }

  /// Takes a revision's chunks out of the index of words; must come before the chunks are deleted, since the index
  /// keeps no copy of them.
  func unindexWords(ofRevision revision: Int64) throws {
    try execute(
      cached: """
        INSERT INTO chunk_search (chunk_search, rowid, title, headings, text)
        SELECT 'delete', s.row_id, s.title, s.headings, s.text
        FROM document_chunks AS c JOIN searchable_chunks AS s ON s.row_id = c.row_id WHERE c.revision_row_id = ?
        """,
      arguments: [revision])
  }
}
