import Domain

extension IngestionJob {
  /// The columns of `ingestion_jobs` that are read.
  static let columns = [
    "id", "organization_id", "submission_id", "state", "attempts", "progress", "error", "document_id", "revision_id",
    "created_at", "updated_at",
  ]

  /// Reads ``columns``.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"),
      submissionID: try row.id("submission_id"), state: try row.enumeration("state"),
      attempts: try row.value("attempts"), progress: try Self.progress(in: row), error: try row.optional("error"),
      documentID: try row.optionalID("document_id"), revisionID: try row.optionalID("revision_id"),
      createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }

  /// `{"chunking": {"done": 3, "total": 9}}`
  private static func progress(in row: PostgresRow) throws -> [State: Progress] {
    // A job that was claimed just now has none, and a JSON decoder costs some microseconds.
    guard try row.value("progress", as: String.self) != "{}" else { return [:] }
    var progress: [State: Progress] = [:]
    for (name, value) in try row.json("progress", as: [String: ProgressJSON].self) {
      guard let state = State(rawValue: name) else { throw UnreadableValue(column: "progress") }
      progress[state] = Progress(done: value.done, total: value.total)
    }
    return progress
  }

  /// The statement that queues it.
  func insertion() throws -> SQL {
    """
    INSERT INTO ingestion_jobs (id, organization_id, submission_id, state, attempts, progress, error, document_id,
      revision_id, created_at, updated_at)
    VALUES (\(id), \(organizationID), \(submissionID), \(enumeration: state), \(attempts), \(try progress.column()),
      \(error), \(documentID), \(revisionID), \(createdAt), \(updatedAt))
    """
  }
}

/// How far a stage is, as the column `progress` holds it.
private struct ProgressJSON: Codable {
  let done: Int
  let total: Int
}

extension [IngestionJob.State: IngestionJob.Progress] {
  /// The value of the column `progress`.
  fileprivate func column() throws -> JSONB {
    try JSONB(
      Dictionary<String, ProgressJSON>(
        uniqueKeysWithValues: map { ($0.key.rawValue, ProgressJSON(done: $0.value.done, total: $0.value.total)) }))
  }
}
