import Application
import Domain
import FoundationEssentials

/// What a worker writes to a job under its lease, but for publishing.
struct JobChange: Sendable {
  let lease: JobLease
  let time: Date
  let state: IngestionJob.State
  /// Until when the lease then holds; without one it ends.
  var expiry: Date?
  /// The progress of the stage that `state` names.
  var progress: IngestionJob.Progress?
  var error: String?
  /// When the job is due again, if not at once.
  var delay: Date?
  /// Whether the attempt does not count.
  var isUncounted = false

  /// Whether it may be made together with others: a statement changes no row twice.
  func canJoin(_ changes: [JobChange]) -> Bool { changes.allSatisfy { $0.lease.jobID != lease.jobID } }
}

/// What became of a change.
enum JobChangeOutcome: Sendable {
  case written
  case lost
  /// Another transaction has the job in its hands.
  case busy
}

extension PostgresDatabase {
  /// Makes the changes, with the events of jobs that failed for good, in one transaction.
  ///
  /// - Parameter waits: whether to wait for transactions that have one of the jobs in their hands.
  func change(_ changes: [JobChange], waits: Bool) async throws(StorageFailure) -> [JobChangeOutcome] {
    let sql = changes.sql(waits: waits)
    let rows: [PostgresRow]
    if changes.contains(where: { $0.state == .failed }) {
      rows = try await write(in: nil) { transaction in
        let rows = try await transaction.rows(sql)
        let failed = try rows.filter { try $0.value("outcome") == "written" }.map(IngestionJob.init(row:))
          .filter { $0.state == .failed }
        if !failed.isEmpty { try await transaction.execute(try failed.map(DomainEvent.failed).recording()) }
        return rows
      }
    } else {
      rows = try await query(in: nil, sql)
    }
    var outcomes = [JobChangeOutcome](repeating: .lost, count: changes.count)
    do {
      for row in rows {
        let place = try row.value("place", as: Int.self) - 1
        outcomes[place] = try row.value("outcome") == "written" ? .written : .busy
      }
    } catch {
      throw StorageFailure(error)
    }
    return outcomes
  }
}

extension [JobChange] {
  fileprivate func sql(waits: Bool) -> SQL {
    """
    SELECT place, outcome, \(raw: IngestionJob.columns.map { "(job).\($0)" }.joined(separator: ", "))
    FROM change_jobs(\(map(\.lease.jobID)), \(map(\.lease.organizationID)), \(map(\.lease.token)), \(map(\.time)),
      \(map(\.expiry)), \(map(\.state.rawValue)), \(map(\.progress?.done)), \(map(\.progress?.total)), \(map(\.error)),
      \(map(\.delay)), \(map { Int32($0.isUncounted ? 1 : 0) }), \(waits))
    """
  }
}

extension [DomainEvent] {
  /// The statement that writes them, whatever their tenants.
  fileprivate func recording() throws -> SQL {
    """
    SELECT record_events(\(map(\.id)), \(map(\.organizationID)), \(map(\.kind.rawValue)), \(map(\.subjectID)),
      \(try map { try $0.payload() }), \(map(\.occurredAt)))
    """
  }
}
