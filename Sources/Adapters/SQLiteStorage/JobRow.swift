import Domain
import FoundationEssentials
import GRDB

extension IngestionJob {
  /// Reads a row of `ingestion_jobs`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"),
      submissionID: try row.id("submission_id"), state: try row.enumeration("state"),
      attempts: try row.value("attempts"), progress: try Self.progress(in: row), error: try row.optional("error"),
      documentID: try row.optionalID("document_id"), revisionID: try row.optionalID("revision_id"),
      createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }

  /// `{"chunking": {"done": 3, "total": 9}}`
  private static func progress(in row: Row) throws -> [State: Progress] {
    var progress: [State: Progress] = [:]
    for (name, value) in try row.json("progress", as: [String: ProgressJSON].self) {
      guard let state = State(rawValue: name) else { throw UnreadableValue(column: "progress") }
      progress[state] = Progress(done: value.done, total: value.total)
    }
    return progress
  }
}

/// How far a stage is, as the column `progress` holds it.
private struct ProgressJSON: Codable {
  let done: Int
  let total: Int
}

extension [IngestionJob.State: IngestionJob.Progress] {
  /// The value of the column `progress`.
  func column() throws -> DatabaseValue {
    try Dictionary<String, ProgressJSON>(
      uniqueKeysWithValues: map { ($0.key.rawValue, ProgressJSON(done: $0.value.done, total: $0.value.total)) }
    ).json()
  }
}

extension Database {
  /// Adds a job to the queue.
  func insert(_ job: IngestionJob) throws {
    try execute(
      cached: """
        INSERT INTO ingestion_jobs (id, organization_id, submission_id, state, attempts, progress, error, document_id,
          revision_id, created_at, updated_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        job.id.sql, job.organizationID.sql, job.submissionID.sql, job.state.rawValue.sql, job.attempts,
        try job.progress.column(), job.error.sql, job.documentID.sql, job.revisionID.sql, job.createdAt.sql,
        job.updatedAt.sql,
      ])
  }
}
