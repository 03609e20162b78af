import Domain
import FoundationEssentials
import Synchronization

/// The stages that all jobs of a process go through side by side, each with its own limit.
///
/// A job's worker carries it from stage to stage and waits before one that is full. So no more than a job a worker lies
/// between two stages; while they wait no worker claims another, and what is not claimed stays in the durable queue.
struct IngestionStages: Sendable {
  /// What an address may weigh before it is fetched.
  static let bytesOfUnknown = 8 << 20

  /// The bytes of all submissions that are worked on.
  let memory: StageGate
  /// Payloads that become text.
  let extracting: StageGate
  /// Texts that become chunks.
  let chunking: StageGate
  /// Chunks that become vectors.
  let embedding: EmbeddingQueue
  /// Revisions that are written.
  let storing: StageGate

  /// Makes the stages in the sizes of the settings.
  init(_ settings: IngestNextJob.Settings) {
    memory = StageGate(capacity: settings.maximumBytes)
    extracting = StageGate(capacity: settings.concurrentTexts)
    chunking = StageGate(capacity: settings.concurrentTexts)
    embedding = EmbeddingQueue(
      limits: EmbeddingQueue.Limits(
        texts: settings.batchSize, bytes: settings.batchBytes, batches: settings.concurrentBatches))
    storing = StageGate(capacity: settings.concurrentWrites)
  }

  /// Makes an attempt once there is memory for it.
  func admit(
    _ submission: KnowledgeSubmission, _ progress: StageProgress, _ clock: WallClock,
    _ attempt: () async -> StepFailure?
  ) async -> StepFailure? {
    let weight =
      switch submission.content {
      case .text(let byteCount), .file(_, _, let byteCount), .records(_, let byteCount): byteCount
      case .url, .crawl, .repository: Self.bytesOfUnknown
      }
    progress.wait()
    let outcome = await memory.pass(weight: weight) { () async -> StepFailure? in
      progress.go(at: clock.now())
      return await attempt()
    }
    guard let outcome else { return .cancelled }
    return outcome
  }

  /// Runs a step of a job inside a stage, once there is room.
  func enter<Value>(
    _ stage: KeyPath<IngestionStages, StageGate>, _ progress: StageProgress, _ clock: WallClock,
    _ step: () async throws(StepFailure) -> Value
  ) async throws(StepFailure) -> Value {
    progress.wait()
    let value = try await self[keyPath: stage].pass { () async throws(StepFailure) -> Value in
      progress.go(at: clock.now())
      return try await step()
    }
    guard let value else { throw .cancelled }
    return value
  }
}

/// Where an attempt is, for the heartbeat to repeat, and since when it has stood still.
final class StageProgress: Sendable {
  private struct State {
    var stage: IngestionJob.State
    var progress = IngestionJob.Progress(done: 0, total: 0)
    var stillSince: Date?
  }

  private let state: Mutex<State>

  init(_ stage: IngestionJob.State = .extracting, at time: Date) {
    state = Mutex(State(stage: stage, stillSince: time))
  }

  var current: (IngestionJob.State, IngestionJob.Progress) { state.withLock { ($0.stage, $0.progress) } }

  /// The time of the last progress; `nil` while it waits for room in a stage.
  var stillSince: Date? { state.withLock { $0.stillSince } }

  func set(_ stage: IngestionJob.State, _ progress: IngestionJob.Progress, at time: Date) {
    state.withLock { $0 = State(stage: stage, progress: progress, stillSince: time) }
  }

  /// It waits for room.
  func wait() { state.withLock { $0.stillSince = nil } }

  /// It has room.
  func go(at time: Date) { state.withLock { $0.stillSince = time } }
}
