package import Application
package import Domain
package import FoundationEssentials

/// Documents in memory.
package struct InMemoryDocumentRepository: DocumentRepository {
  private let store: InMemoryStore

  /// Reads and writes the documents of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func document(
    _ id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> Document? {
    try store.access { state throws(StorageFailure) in
      guard let row = state.documents[id], row.organizationID == organization else { return nil }
      return try state.document(row)
    }
  }

  package func documents(
    in organization: OrganizationID, page: PageRequest
  ) async throws(StorageFailure) -> Page<Document> {
    try store.access { state throws(StorageFailure) in
      var found: [Document] = []
      for row in state.documents.values where row.organizationID == organization {
        found.append(try state.document(row))
      }
      return .newestFirst(found, page: page, time: \.updatedAt, id: \.id)
    }
  }

  package func revisions(
    of id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> [DocumentRevision] {
    try store.access { state throws(StorageFailure) in
      guard let row = state.documents[id], row.organizationID == organization else { throw .notFound }
      return row.revisionIDs.compactMap { state.revisions[$0]?.revision }.reversed()
    }
  }

  package func text(
    of id: DocumentID, revision: RevisionID?, in organization: OrganizationID
  ) async throws(StorageFailure) -> (revision: DocumentRevision, text: String) {
    try store.access { state throws(StorageFailure) in
      guard let row = state.documents[id], row.organizationID == organization,
        let revisionID = revision ?? row.revisionIDs.last, row.revisionIDs.contains(revisionID),
        let found = state.revisions[revisionID]
      else { throw .notFound }
      return (found.revision, found.text)
    }
  }

  package func delete(
    _ id: DocumentID, in organization: OrganizationID, at time: Date
  ) async throws(StorageFailure) {
    try store.access { state throws(StorageFailure) in
      guard let row = state.documents[id], row.organizationID == organization else { throw .notFound }
      let title = try state.currentRevision(of: row).revision.title
      for revisionID in row.revisionIDs {
        for chunkID in state.revisions[revisionID]?.chunkIDs ?? [] {
          state.chunks[chunkID] = nil
          for model in state.vectors.keys { state.vectors[model]?[chunkID] = nil }
        }
        state.revisions[revisionID] = nil
      }
      state.documents[id] = nil
      state.record(.deleted(id, title: title, in: organization, at: time))
    }
  }
}

extension StoreState {
  /// The current revision of a document; each has one.
  func currentRevision(of row: DocumentRow) throws(StorageFailure) -> RevisionRow {
    guard let id = row.revisionIDs.last, let revision = revisions[id] else {
      throw .corrupt("document \(row.id) has no revision")
    }
    return revision
  }

  /// A document as its current revision has it.
  func document(_ row: DocumentRow) throws(StorageFailure) -> Document {
    let current = try currentRevision(of: row)
    return Document(
      id: row.id, organizationID: row.organizationID, title: current.revision.title, sourceURI: row.sourceURI,
      currentRevisionID: current.revision.id, revisionNumber: current.revision.number, metadata: current.metadata,
      createdAt: row.createdAt, updatedAt: current.revision.publishedAt)
  }
}
