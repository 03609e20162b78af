import Application
import Domain
import FoundationEssentials
import GRDB
import Synchronization

/// The vectors of every model that was searched for, in memory, each brought up to date before it is searched.
final class VectorIndex: Sendable {
  private let models = Mutex<[String: LoadedModel]>([:])

  /// The chunks in scope with the largest cosine, best first, as of the snapshot that `db` reads or a later one.
  ///
  /// - Throws: `StorageFailure.conflict("dimensions")` when `vector` is not as wide as the model's.
  func nearest(
    to vector: Embedding, model: String, in scope: SearchScope, limit: Int, current db: Database
  ) throws -> [ScoredChunk] {
    guard let loaded = try synchronize(model, with: db) else { return [] }
    return try loaded.state.read { state in
      guard vector.values.count == state.vectors.dimensions else { throw StorageFailure.conflict("dimensions") }
      return state.vectors.nearest(to: vector.values, in: scope, limit: limit)
    }
  }

  /// Frees the memory of a model that nobody searches for; a search for it loads it anew.
  func forget(_ model: String) { models.withLock { $0[model] = nil } }

  /// Loads what is missing of a model; `nil` when there are no vectors of it at all.
  func synchronize(_ name: String, with db: Database) throws -> LoadedModel? {
    let loaded: LoadedModel
    if let known = models.withLock({ $0[name] }) {
      loaded = known
    } else {
      let row = try Row.fetchOne(
        db, cached: "SELECT row_id, dimensions FROM embedding_models WHERE name = ?", arguments: [name.sql])
      guard let row else { return nil }
      let new = LoadedModel(row: try row.value("row_id"), dimensions: try row.value("dimensions"))
      loaded = models.withLock { models in
        let first = models[name] ?? new
        models[name] = first
        return first
      }
    }
    let newest = try db.newestVectorChange()
    if loaded.state.read({ $0.sequence < newest }) {
      try loaded.state.write { state in try db.bring(&state, upTo: newest, model: loaded.row) }
    }
    return loaded
  }
}

/// One model in memory.
final class LoadedModel: Sendable {
  /// The vectors, and the change up to which they are current.
  struct State: ~Copyable {
    var vectors: ModelVectors
    /// -1 before the first load.
    var sequence: Int64 = -1
  }

  /// The model's row in `embedding_models`.
  let row: Int64
  let state: ReadWriteLocked<State>

  init(row: Int64, dimensions: Int) {
    self.row = row
    state = ReadWriteLocked(State(vectors: ModelVectors(dimensions: dimensions)))
  }
}

extension Database {
  /// The number of the last change; 0 when there was none.
  fileprivate func newestVectorChange() throws -> Int64 {
    try Int64.fetchOne(self, cached: "SELECT max(seq) FROM vector_changes") ?? 0
  }

  /// Applies the changes since the last time, or loads everything when those are no longer all there.
  fileprivate func bring(_ state: inout LoadedModel.State, upTo newest: Int64, model: Int64) throws {
    // Another reader, with a newer snapshot, may have been faster.
    guard state.sequence < newest else { return }
    let oldest = try Int64.fetchOne(self, cached: "SELECT min(seq) FROM vector_changes") ?? 1
    do {
      if state.sequence < 0 || oldest > state.sequence + 1 {
        try loadAll(into: &state.vectors, model: model)
      } else {
        let changed = try Int64.fetchAll(
          self, cached: "SELECT DISTINCT revision_row_id FROM vector_changes WHERE seq > ?", arguments: [state.sequence]
        )
        for row in changed {
          state.vectors.remove(row)
          try load("r.row_id = ?", [row.databaseValue], into: &state.vectors, model: model)
        }
      }
    } catch {
      // Half of the changes are in: the next search starts anew.
      state.sequence = -1
      throw error
    }
    state.sequence = newest
  }

  private func loadAll(into vectors: inout ModelVectors, model: Int64) throws {
    vectors = ModelVectors(dimensions: vectors.dimensions)
    let count = try Int.fetchOne(
      self, cached: "SELECT count(*) FROM chunk_vectors WHERE model_row_id = ?", arguments: [model])
    guard vectors.reserve(count ?? 0) else { throw StorageFailure.unavailable("there is no memory for the vectors") }
    try load("TRUE", [], into: &vectors, model: model)
  }

  /// Loads the revisions that meet a condition on `r`, none of which is there yet.
  private func load(
    _ condition: String, _ arguments: [DatabaseValue], into vectors: inout ModelVectors, model: Int64
  ) throws {
    let revisions = try Row.fetchCursor(
      self,
      sql: """
        SELECT r.row_id, r.organization_id, r.document_id, r.submitted_by, r.published_at, r.superseded_at, r.tags,
          d.source_uri
        FROM document_revisions AS r JOIN documents AS d ON d.id = r.document_id WHERE \(condition)
        """,
      arguments: StatementArguments(arguments))
    while let row = try revisions.next() {
      vectors.add(
        try row.value("row_id"),
        VectorRevision(
          organizationID: try row.value("organization_id"), documentID: try row.value("document_id"),
          submittedBy: try row.value("submitted_by"), publishedAt: try row.value("published_at"),
          supersededAt: try row.optional("superseded_at") ?? .max, sourceURI: try row.optional("source_uri"),
          tags: try row.json("tags")))
    }
    let rows = try Row.fetchCursor(
      self,
      sql: """
        SELECT c.id, r.row_id, v.vector
        FROM document_revisions AS r
        JOIN document_chunks AS c ON c.revision_row_id = r.row_id
        JOIN chunk_vectors AS v ON v.chunk_row_id = c.row_id AND v.model_row_id = ?
        WHERE \(condition)
        """,
      arguments: StatementArguments([model.databaseValue] + arguments))
    while let row = try rows.next() {
      let chunk: UUID = try row.value("id")
      let revision: Int64 = try row.value("row_id")
      let isAdded = try row.withUnsafeData(named: "vector") { bytes in
        bytes?.withUnsafeBytes { vectors.add(chunk, of: revision, bytes: $0) } ?? false
      }
      guard isAdded else { throw UnreadableValue(column: "vector") }
    }
  }
}
