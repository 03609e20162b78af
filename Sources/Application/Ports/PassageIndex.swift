package import Domain

/// Passages of one tenant that lack a vector.
package struct UnembeddedPassages: Sendable {
  /// The tenant.
  package let organizationID: OrganizationID
  /// The passages, at least one.
  package let passages: [Passage]

  /// Makes a batch.
  package init(organizationID: OrganizationID, passages: [Passage]) {
    self.organizationID = organizationID
    self.passages = passages
  }
}

/// Finds chunks among the visible revisions of one tenant.
package protocol PassageIndex: Sendable {
  /// The chunks that best match the query's words by BM25 (k1 1.2, b 0.75, words stemmed), best first. A chunk is
  /// indexed with its title and headings. Any text is a query; one without words finds nothing.
  func lexical(
    _ query: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk]

  /// The chunks whose vectors of the named model have the largest cosine with `vector`, exactly, best first.
  func semantic(
    _ vector: Embedding, model: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk]

  /// The scores that ``lexical(_:in:limit:)`` gives, of chunks that are known already. Those that have none of the words,
  /// that are gone or another tenant's are left out; whether they are visible is for the caller to know.
  func lexicalScores(
    _ query: String, of ids: [ChunkID], in scope: SearchScope
  ) async throws(StorageFailure) -> [ChunkID: Double]

  /// The vectors that the named model made of chunks; those without one, gone or another tenant's are left out.
  func vectors(
    of ids: [ChunkID], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: Embedding]

  /// The passages that stand at most `reach` places before or behind a chunk in its revision, in their order, the chunk
  /// itself left out; by the chunk. Chunks that are gone or another tenant's are left out.
  func neighbours(
    of ids: [ChunkID], reach: Int, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: [Passage]]

  /// The passages of the chunks, in the order of `ids`; those that are gone are left out.
  func passages(
    _ ids: [ChunkID], in organization: OrganizationID
  ) async throws(StorageFailure) -> [Passage]

  /// Chunks without a vector of the model, those of one tenant, oldest first; the tenant is the one of the oldest such
  /// chunk. Those of former revisions come once no current one lacks any.
  ///
  /// - Parameter limit: how many at most; none below 1.
  /// - Returns: `nil` when no tenant has any.
  func unembedded(by model: String, limit: Int) async throws(StorageFailure) -> UnembeddedPassages?

  /// Adds vectors to a tenant's chunks; those that are gone meanwhile, or another tenant's, are left out.
  ///
  /// - Throws: `.conflict("dimensions")` when a vector has another width than the model's others; then none is stored.
  func store(
    _ embeddings: [ChunkID: Embedding], model: String, in organization: OrganizationID
  ) async throws(StorageFailure)
}
