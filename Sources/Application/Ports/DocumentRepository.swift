package import Domain
package import FoundationEssentials

/// Published documents. Publishing is the job queue's, in the transaction that ends the job.
package protocol DocumentRepository: Sendable {
  /// A document of a tenant.
  func document(_ id: DocumentID, in organization: OrganizationID) async throws(StorageFailure) -> Document?

  /// A tenant's documents, the last changed first.
  func documents(in organization: OrganizationID, page: PageRequest) async throws(StorageFailure) -> Page<Document>

  /// A document's revisions, newest first.
  ///
  /// - Throws: `.notFound` when the tenant has no such document.
  func revisions(
    of id: DocumentID, in organization: OrganizationID
  ) async throws(StorageFailure) -> [DocumentRevision]

  /// The text of a revision, or of the current one when none is named.
  ///
  /// - Throws: `.notFound` when the tenant has no such document, or the document no such revision.
  func text(
    of id: DocumentID, revision: RevisionID?, in organization: OrganizationID
  ) async throws(StorageFailure) -> (revision: DocumentRevision, text: String)

  /// Deletes a document with all revisions, chunks and vectors, in one transaction that also writes the event
  /// `document.deleted`; search no longer finds it from then on. Messages that cited it keep what they quoted.
  ///
  /// - Throws: `.notFound`.
  func delete(_ id: DocumentID, in organization: OrganizationID, at time: Date) async throws(StorageFailure)
}
