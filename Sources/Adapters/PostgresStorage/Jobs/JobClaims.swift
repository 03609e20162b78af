import Application
import Domain
import FoundationEssentials

/// A worker that asks for a job.
struct JobClaim: Sendable {
  let worker: String
  let time: Date
  let expiry: Date
  /// The fencing token of the job that it may get.
  let token = UUID()

  /// How far the time of a claim may be from that of the first in its batch, in seconds. The latest of a batch is taken
  /// for all: by this process's clock a job that is due then is due now.
  static let tolerance: TimeInterval = 0.05

  /// Whether it may be served together with others.
  func canJoin(_ claims: [JobClaim]) -> Bool {
    claims.first.map { abs($0.time.timeIntervalSince(time)) <= Self.tolerance } ?? true
  }
}

extension PostgresDatabase {
  /// Claims a job for each worker, as far as there are jobs that are due.
  func claim(_ claims: [JobClaim]) async throws(StorageFailure) -> [ClaimedJob?] {
    guard let time = claims.map(\.time).max() else { return [] }
    let jobs = try await change(
      in: nil,
      """
      SELECT \(JobClaims.columns)
      FROM claim_jobs(\(claims.map(\.token)), \(claims.map(\.worker)), \(claims.map(\.expiry)), \(time))
      """, ClaimedJob.init(row:))
    let byToken = Dictionary(jobs.map { ($0.lease.token, $0) }, uniquingKeysWith: { first, _ in first })
    return claims.map { byToken[$0.token] }
  }
}

private enum JobClaims {
  /// What is read of the pairs that `claim_jobs` gives.
  static let columns: SQL = {
    let job = (IngestionJob.columns + ["lease_token"]).map { "(job).\($0)" }
    let submission = KnowledgeSubmission.columns.map { "(submission).\($0) AS submission_\($0)" }
    return SQL(raw: (job + submission).joined(separator: ", "))
  }()
}

extension ClaimedJob {
  /// Reads what `claim_jobs` gives.
  fileprivate init(row: PostgresRow) throws {
    let job = try IngestionJob(row: row)
    self.init(
      job: job, submission: try KnowledgeSubmission(row: row, prefix: "submission_"),
      lease: JobLease(jobID: job.id, organizationID: job.organizationID, token: try row.value("lease_token")))
  }
}
