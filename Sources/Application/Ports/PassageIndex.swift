package import Domain

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

  /// The passages of the chunks, in the order of `ids`; those that are gone are left out.
  func passages(
    _ ids: [ChunkID], in organization: OrganizationID
  ) async throws(StorageFailure) -> [Passage]

  /// Chunks of current revisions without a vector of the model, over all tenants, oldest first.
  func unembedded(by model: String, limit: Int) async throws(StorageFailure) -> [Passage]

  /// Adds vectors; chunks that are gone meanwhile are left out.
  func store(_ embeddings: [ChunkID: Embedding], model: String) async throws(StorageFailure)
}
