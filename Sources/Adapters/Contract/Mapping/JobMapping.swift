import Domain
import SwiftProtobuf

extension Opentier_V1_JobState {
  /// Where a job stands.
  init(_ state: IngestionJob.State) {
    switch state {
    case .queued: self = .queued
    case .collecting: self = .collecting
    case .importing: self = .importing
    case .cancelled: self = .cancelled
    case .extracting: self = .extracting
    case .chunking: self = .chunking
    case .embedding: self = .embedding
    case .indexed: self = .indexed
    case .failed: self = .failed
    }
  }

  /// What a filter narrows to; `nil` for everything.
  ///
  /// - Throws: `invalid_argument` for a number that is no state.
  func filter() throws(ContractError) -> IngestionJob.State? {
    switch self {
    case .unspecified: return nil
    case .queued: return .queued
    case .collecting: return .collecting
    case .importing: return .importing
    case .cancelled: return .cancelled
    case .extracting: return .extracting
    case .chunking: return .chunking
    case .embedding: return .embedding
    case .indexed: return .indexed
    case .failed: return .failed
    case .UNRECOGNIZED: throw .invalid("state", "must be a JobState")
    }
  }
}

extension Opentier_V1_Job {
  /// A job.
  init(_ job: IngestionJob) {
    self.init()
    id = job.id.description
    submissionID = job.submissionID.description
    state = Opentier_V1_JobState(job.state)
    stages = IngestionJob.State.allCases.compactMap { stage in
      job.progress[stage].map { progress in
        var message = Opentier_V1_StageProgress()
        message.stage = Opentier_V1_JobState(stage)
        message.done = UInt32(count: progress.done)
        message.total = UInt32(count: progress.total)
        return message
      }
    }
    attempts = UInt32(count: job.attempts)
    if let reason = job.error { error = reason }
    if let document = job.documentID { documentID = document.description }
    if let revision = job.revisionID { revisionID = revision.description }
    createdAt = Google_Protobuf_Timestamp(job.createdAt)
    updatedAt = Google_Protobuf_Timestamp(job.updatedAt)
    if let report = job.collection { collection = Opentier_V1_CollectionReport(report) }
  }
}

extension Opentier_V1_WatchJobResponse {
  /// What a watcher is told of a job: `progress`, or how it ended.
  init(_ job: IngestionJob) {
    self.init()
    switch job.state {
    case .queued, .collecting, .importing, .extracting, .chunking, .embedding: progress = Opentier_V1_Job(job)
    case .cancelled: cancelled = Opentier_V1_Job(job)
    case .indexed: completed = Opentier_V1_Job(job)
    case .failed: failed = Opentier_V1_Job(job)
    }
  }
}
