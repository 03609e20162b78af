import Application
import Domain

/// One search by vectors: few are compared one by one; among many, the HNSW index finds those near, which are compared.
struct SemanticSearch {
  /// The widths that have an index; those of other models' vectors are compared one by one.
  static let indexedWidths: Set<Int> = [384, 768, 1_024, 1_536, 3_072]

  let transaction: PostgresTransaction
  let vector: Embedding
  let model: String
  let scope: SearchScope
  let limit: Int
  let settings: PostgresSearchSettings

  /// The chunks with the largest cosines, best first, ties by id.
  func best() async throws -> [ScoredChunk] {
    let known = try await transaction.first(
      """
      SELECT m.dimensions, coalesce(s.chunk_count, 0) AS chunks
      FROM embedding_models AS m LEFT JOIN chunk_statistics AS s ON s.organization_id = m.organization_id
      WHERE m.organization_id = \(scope.organizationID) AND m.name = \(model)
      """)
    guard let known else { return [] }
    guard try known.value("dimensions") == vector.values.count else { throw StorageFailure.conflict("dimensions") }
    let chunks: Int = try known.value("chunks")
    guard chunks > settings.exactScanMaximum, Self.indexedWidths.contains(vector.values.count) else {
      return try await scored(exactly())
    }
    if let revisions = try await transaction.fewRevisions(in: scope, chunks: settings.exactScanMaximum) {
      return revisions.isEmpty ? [] : try await scored(exactly(of: revisions))
    }
    let found = try await scored(nearby())
    // The walk may have given up among vectors of other tenants and models, or that the filters leave out.
    return found.count == limit ? found : try await scored(exactly())
  }

  private func scored(_ sql: SQL) async throws -> [ScoredChunk] {
    try await transaction.rows(sql).map { row in
      ScoredChunk(id: try row.id("chunk_id"), score: try row.value("score"))
    }
  }

  /// Compares the vectors of all revisions in scope.
  ///
  /// The inner product of vectors of length 1 is their cosine.
  private func exactly() -> SQL {
    """
    SELECT e.chunk_id, -(e.embedding <#> \(vector)::vector) AS score
    FROM chunk_embeddings AS e JOIN (SELECT r.id FROM \(scope.tables) WHERE \(scope.condition)) AS r
      ON r.id = e.revision_id
    WHERE e.organization_id = \(scope.organizationID) AND e.embedding_model = \(model)
    ORDER BY score DESC, e.chunk_id LIMIT \(limit)
    """
  }

  /// The same of few revisions that are known.
  private func exactly(of revisions: [RevisionID]) -> SQL {
    """
    SELECT e.chunk_id, -(e.embedding <#> \(vector)::vector) AS score
    FROM chunk_embeddings AS e
    WHERE e.organization_id = \(scope.organizationID) AND e.embedding_model = \(model)
      AND e.revision_id = ANY (\(revisions))
    ORDER BY score DESC, e.chunk_id LIMIT \(limit)
    """
  }

  /// Walks the index: what it finds in half precision, some more than asked for, is ranked by the vectors themselves.
  func nearby() -> SQL {
    let width = "\(vector.values.count)"
    return """
      SELECT n.chunk_id, -(n.embedding <#> \(vector)::vector) AS score
      FROM (
        SELECT e.chunk_id, e.embedding FROM chunk_embeddings AS e \(scope.join(on: "e.revision_id"))
        WHERE e.organization_id = \(scope.organizationID) AND e.embedding_model = \(model)
          AND vector_dims(e.embedding) = \(raw: width)
        ORDER BY e.embedding::halfvec(\(raw: width)) <=> \(HalfVector(vector))::halfvec(\(raw: width))
        LIMIT \(limit + limit / 10 + 10)
      ) AS n
      ORDER BY score DESC, n.chunk_id LIMIT \(limit)
      """
  }
}
