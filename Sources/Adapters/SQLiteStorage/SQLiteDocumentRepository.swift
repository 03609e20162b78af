package import Application
package import Domain
package import FoundationEssentials
import GRDB

/// Documents in SQLite.
package struct SQLiteDocumentRepository: DocumentRepository {
  private let database: SQLiteDatabase

  /// Reads and deletes the documents of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func document(
    _ id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> Document? {
    try await database.read { db in
      try Row.fetchOne(
        db, cached: Document.selection + " WHERE d.id = ? AND d.organization_id = ?",
        arguments: [id.sql, organization.sql]
      ).map(Document.init(row:))
    }
  }

  package func documents(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<Document> {
    try await database.read { db in
      try Page.fetch(
        db, select: Document.selection, where: [("d.organization_id = ?", [organization.sql])], time: "d.updated_at",
        id: "d.id", page: page, read: Document.init(row:))
    }
  }

  package func revisions(
    of id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> [DocumentRevision] {
    let revisions = try await database.read { db in
      try Row.fetchAll(
        db,
        cached: """
          SELECT \(DocumentRevision.columns) FROM document_revisions WHERE document_id = ? AND organization_id = ?
          ORDER BY number DESC
          """,
        arguments: [id.sql, organization.sql]
      ).map(DocumentRevision.init(row:))
    }
    guard !revisions.isEmpty else { throw .notFound }
    return revisions
  }

  package func text(
    of id: DocumentID, revision: RevisionID?, in organization: OrganizationID
  ) async throws(StorageFailure) -> (revision: DocumentRevision, text: String) {
    try await database.read { db in
      let which = revision == nil ? "superseded_at IS NULL" : "id = ?"
      let row = try Row.fetchOne(
        db,
        cached: """
          SELECT \(DocumentRevision.columns), text FROM document_revisions
          WHERE document_id = ? AND organization_id = ? AND \(which)
          """,
        arguments: StatementArguments([id.sql, organization.sql] + [revision?.sql].compactMap(\.self)))
      guard let row else { throw StorageFailure.notFound }
      return (revision: try DocumentRevision(row: row), text: try row.value("text"))
    }
  }

  package func delete(
    _ id: DocumentID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) {
    try await database.write { db in
      let revisions = try Row.fetchAll(
        db,
        cached: """
          SELECT row_id, title FROM document_revisions WHERE document_id = ? AND organization_id = ? ORDER BY number
          """,
        arguments: [id.sql, organization.sql])
      guard let last = revisions.last else { throw StorageFailure.notFound }
      for revision in revisions {
        try db.unindexWords(ofRevision: try revision.value("row_id"))
        try db.logVectorChange(ofRevision: try revision.value("row_id"))
      }
      // Revisions, chunks and vectors go with it, by their foreign keys.
      try db.execute(cached: "DELETE FROM documents WHERE id = ?", arguments: [id.sql])
      try db.record(.deleted(id, title: try last.value("title"), in: organization, at: time))
    }
  }
}
