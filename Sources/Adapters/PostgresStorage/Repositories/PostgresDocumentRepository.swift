package import Application
package import Domain
package import FoundationEssentials

/// Documents in PostgreSQL.
package struct PostgresDocumentRepository: DocumentRepository {
  private let database: PostgresDatabase

  /// Reads and deletes the documents of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func document(
    _ id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> Document? {
    try await database.fetchFirst(
      in: organization, "\(Document.selection) WHERE d.id = \(id) AND d.organization_id = \(organization)",
      Document.init(row:))
  }

  package func documents(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<Document> {
    try await database.page(
      in: organization, Document.selection, where: ["d.organization_id = \(organization)"], time: "updated_at",
      table: "d.", page, Document.init(row:))
  }

  package func revisions(
    of id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> [DocumentRevision] {
    let revisions = try await database.fetch(
      in: organization,
      """
      SELECT \(DocumentRevision.columns) FROM document_revisions AS r
      WHERE r.document_id = \(id) AND r.organization_id = \(organization) ORDER BY r.number DESC
      """, DocumentRevision.init(row:))
    guard !revisions.isEmpty else { throw .notFound }
    return revisions
  }

  package func text(
    of id: DocumentID, revision: RevisionID?, in organization: OrganizationID
  ) async throws(StorageFailure) -> (revision: DocumentRevision, text: String) {
    let which: SQL = revision.map { "r.id = \($0)" } ?? "r.superseded_at IS NULL"
    let found = try await database.fetchFirst(
      in: organization,
      """
      SELECT \(DocumentRevision.columns), r.text FROM document_revisions AS r
      WHERE r.document_id = \(id) AND r.organization_id = \(organization) AND \(which)
      """
    ) { row in (revision: try DocumentRevision(row: row), text: try row.value("text", as: String.self)) }
    guard let found else { throw .notFound }
    return found
  }

  package func delete(
    _ id: DocumentID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) {
    try await database.write(in: organization) { transaction in
      // As publishing does, the document first and what the tenant's documents share last.
      guard try await transaction.lockDocument(id, in: organization) else { throw StorageFailure.notFound }
      let current = try await transaction.first(
        """
        SELECT title FROM document_revisions
        WHERE document_id = \(id) AND organization_id = \(organization) AND superseded_at IS NULL
        """)
      guard let current else { throw StorageFailure.notFound }
      let event = DomainEvent.deleted(id, title: try current.value("title"), in: organization, at: time)
      try await transaction.execute(try event.insertion())
      try await transaction.removeChunksFromIndex(of: id, in: organization)
      // Revisions, chunks and vectors go with it, by their foreign keys.
      try await transaction.execute("DELETE FROM documents WHERE id = \(id) AND organization_id = \(organization)")
    }
  }
}

extension PostgresTransaction {
  /// Keeps others from changing a document until the end of the transaction.
  ///
  /// - Returns: whether the tenant has it.
  func lockDocument(_ id: DocumentID, in organization: OrganizationID) async throws -> Bool {
    try await first(
      "SELECT id FROM documents WHERE id = \(id) AND organization_id = \(organization) FOR UPDATE") != nil
  }
}
