import Application
import Domain
import Tracing

/// Records a span for each look into storage that finds or reads passages, around any index.
struct ObservedPassageIndex: PassageIndex {
  let index: any PassageIndex

  func lexical(
    _ query: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    try await look("lexical") { () throws(StorageFailure) in
      try await index.lexical(query, in: scope, limit: limit)
    }
  }

  func semantic(
    _ vector: Embedding, model: String, in scope: SearchScope, limit: Int
  ) async throws(StorageFailure) -> [ScoredChunk] {
    try await look("semantic") { () throws(StorageFailure) in
      try await index.semantic(vector, model: model, in: scope, limit: limit)
    }
  }

  func lexicalScores(
    _ query: String, of ids: [ChunkID], in scope: SearchScope
  ) async throws(StorageFailure) -> [ChunkID: Double] {
    try await look("lexical_scores") { () throws(StorageFailure) in
      try await index.lexicalScores(query, of: ids, in: scope)
    }
  }

  func vectors(
    of ids: [ChunkID], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: Embedding] {
    try await look("vectors") { () throws(StorageFailure) in
      try await index.vectors(of: ids, model: model, in: organization)
    }
  }

  func neighbours(
    of ids: [ChunkID], reach: Int, in organization: OrganizationID
  ) async throws(StorageFailure) -> [ChunkID: [Passage]] {
    try await look("neighbours") { () throws(StorageFailure) in
      try await index.neighbours(of: ids, reach: reach, in: organization)
    }
  }

  func passages(_ ids: [ChunkID], in organization: OrganizationID) async throws(StorageFailure) -> [Passage] {
    try await look("passages") { () throws(StorageFailure) in try await index.passages(ids, in: organization) }
  }

  func unembedded(by model: String, limit: Int) async throws(StorageFailure) -> UnembeddedPassages? {
    try await index.unembedded(by: model, limit: limit)
  }

  func store(
    _ embeddings: [ChunkID: Embedding], model: String, in organization: OrganizationID
  ) async throws(StorageFailure) {
    try await index.store(embeddings, model: model, in: organization)
  }

  private func look<Value: Sendable>(
    _ operation: String, _ body: () async throws(StorageFailure) -> Value
  ) async throws(StorageFailure) -> Value {
    try await withTracedSpan(
      SpanName.context, ofKind: .client, [SpanAttributeName.databaseOperation: .string(operation)]
    ) { _ throws(StorageFailure) in try await body() }
  }
}
