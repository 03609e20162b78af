package import Domain

/// Lists, reads and deletes documents.
package struct ReadDocuments: Sendable {
  let documents: any DocumentRepository
  let clock: WallClock

  /// The tenant's documents, the last changed first.
  package func list(page: PageRequest, _ caller: Principal) async throws(UseCaseFailure) -> Page<Document> {
    try await storing("document") { () async throws(StorageFailure) in
      try await documents.documents(in: caller.organizationID, page: page)
    }
  }

  /// One document.
  package func get(_ id: DocumentID, _ caller: Principal) async throws(UseCaseFailure) -> Document {
    try await found("document") { () async throws(StorageFailure) in
      try await documents.document(id, in: caller.organizationID)
    }
  }

  /// A document's revisions, newest first.
  package func revisions(
    of id: DocumentID, _ caller: Principal
  ) async throws(UseCaseFailure) -> [DocumentRevision] {
    try await storing("document") { () async throws(StorageFailure) in
      try await documents.revisions(of: id, in: caller.organizationID)
    }
  }

  /// The text of a revision, or of the current one.
  package func text(
    of id: DocumentID, revision: RevisionID?, _ caller: Principal
  ) async throws(UseCaseFailure) -> (revision: DocumentRevision, text: String) {
    try await storing(revision == nil ? "document" : "revision") { () async throws(StorageFailure) in
      try await documents.text(of: id, revision: revision, in: caller.organizationID)
    }
  }

  /// Deletes a document with all its revisions.
  ///
  /// - Throws: `.forbidden` below admin; `.notFound`.
  package func delete(_ id: DocumentID, _ caller: Principal) async throws(UseCaseFailure) {
    try caller.require(.admin, to: "delete documents")
    try await storing("document") { () async throws(StorageFailure) in
      try await documents.delete(id, in: caller.organizationID, at: clock.now())
    }
  }
}
