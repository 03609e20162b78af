import Domain

extension SearchScope {
  /// The condition of the scope on a revision `r` and its document `d`.
  var condition: SQL {
    var conditions: [SQL] = ["r.organization_id = \(organizationID)"]
    if let asOf {
      conditions.append("r.published_at <= \(asOf) AND (r.superseded_at IS NULL OR r.superseded_at > \(asOf))")
    } else {
      conditions.append("r.superseded_at IS NULL")
    }
    if !filters.documentIDs.isEmpty { conditions.append("r.document_id = ANY (\(Array(filters.documentIDs)))") }
    if !filters.tags.isEmpty { conditions.append("r.tags && \(Array(filters.tags))") }
    if let contributor = filters.contributorID { conditions.append("r.submitted_by = \(contributor)") }
    if let prefix = filters.sourcePrefix { conditions.append("starts_with(d.source_uri, \(prefix))") }
    if let after = filters.publishedAfter { conditions.append("r.published_at >= \(after)") }
    if let before = filters.publishedBefore { conditions.append("r.published_at < \(before)") }
    return conditions.joined(separator: " AND ")
  }

  /// The tables that ``condition`` speaks of; the document is read only where it is asked for.
  var tables: SQL {
    filters.sourcePrefix == nil
      ? "document_revisions AS r" : "document_revisions AS r JOIN documents AS d ON d.id = r.document_id"
  }

  /// A join that keeps the rows of a revision in scope, looked up row by row in the order in which they come: a search
  /// that has found enough reads no more of them.
  ///
  /// - Parameter revision: the column with the revision's id.
  func join(on revision: SQL) -> SQL {
    // OFFSET keeps the server from turning it into a join that reads all first.
    "CROSS JOIN LATERAL (SELECT FROM \(tables) WHERE r.id = \(revision) AND \(condition) OFFSET 0) AS visible"
  }
}

extension PostgresTransaction {
  /// Filters that leave more revisions leave many, whatever their chunks are: who counts longer has lost the time.
  private static var fewRevisions: Int { 2_000 }

  /// The revisions in a scope, when it has filters that leave few.
  ///
  /// - Parameter chunks: how many chunks are few.
  /// - Returns: `nil` when there are no filters, or they leave many. A revision without chunks is left out.
  func fewRevisions(in scope: SearchScope, chunks: Int) async throws -> [RevisionID]? {
    guard !scope.filters.isEmpty else { return nil }
    let rows = try await rows(
      """
      SELECT r.id, c.ordinal + 1 AS chunks FROM \(scope.tables) CROSS JOIN LATERAL (
        SELECT ordinal FROM document_chunks WHERE revision_id = r.id ORDER BY ordinal DESC LIMIT 1) AS c
      WHERE \(scope.condition) LIMIT \(Self.fewRevisions + 1)
      """)
    let count = try rows.reduce(0) { $0 + (try $1.value("chunks", as: Int.self)) }
    return count > chunks || rows.count > Self.fewRevisions ? nil : try rows.map { try $0.id("id") }
  }
}
