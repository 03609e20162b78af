import Application
import Synchronization

/// Makes one call of those that wait at the same moment.
///
/// While a batch is under way the next one gathers, and it starts as soon as the first is done: nobody waits for the
/// sake of a batch. Who asks first is served first.
final class Coalescer<Request: Sendable, Reply: Sendable>: Sendable {
  /// Serves the requests of a batch: a reply for each, in their order, or what failed for all.
  typealias Serve = @Sendable ([Request]) async throws(StorageFailure) -> [Reply]

  private struct Entry {
    let number: UInt64
    let request: Request
    let continuation: CheckedContinuation<Result<Reply, StorageFailure>, Never>
  }

  private struct Batch {
    var entries: [Entry]
    /// The entries whose tasks were cancelled meanwhile.
    var cancelled: Set<UInt64> = []
    var task: Task<Void, Never>?
  }

  private struct State {
    var number: UInt64 = 0
    var waiting: [Entry] = []
    var running: Batch?
  }

  private let state = Mutex(State())
  private let limit: Int
  private let canJoin: @Sendable (_ request: Request, _ batch: [Request]) -> Bool
  private let serve: Serve

  /// Makes a coalescer.
  ///
  /// - Parameters:
  ///   - limit: the most requests of a batch.
  ///   - canJoin: whether a request may be in one batch with others; one that may not waits for the next.
  init(
    limit: Int, canJoin: @escaping @Sendable (_ request: Request, _ batch: [Request]) -> Bool,
    serve: @escaping Serve
  ) {
    self.limit = limit
    self.canJoin = canJoin
    self.serve = serve
  }

  /// How many wait for the next batch.
  var waitingCount: Int { state.withLock(\.waiting.count) }

  /// Asks together with others.
  ///
  /// - Throws: `.cancelled` when the task is cancelled before its batch starts, or all tasks of its batch are while it
  ///   runs. A task that is cancelled during a batch that others need gets its reply.
  func callAsFunction(_ request: Request) async throws(StorageFailure) -> Reply {
    let number = state.withLock { state in
      state.number += 1
      return state.number
    }
    return try await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // Checked within the lock: a cancellation that came earlier found no entry to cancel.
        let isCancelled = state.withLock { state in
          if Task.isCancelled { return true }
          state.waiting.append(Entry(number: number, request: request, continuation: continuation))
          start(&state)
          return false
        }
        if isCancelled { continuation.resume(returning: .failure(.cancelled)) }
      }
    } onCancel: {
      cancel(number)
    }.get()
  }

  /// Starts the next batch unless one is running.
  private func start(_ state: inout State) {
    guard state.running == nil, !state.waiting.isEmpty else { return }
    var requests: [Request] = []
    var batch = Batch(entries: [])
    state.waiting.removeAll { entry in
      guard requests.count < limit, canJoin(entry.request, requests) else { return false }
      requests.append(entry.request)
      batch.entries.append(entry)
      return true
    }
    // Its lock is ours until the batch is in place, so the task's end cannot come before that.
    batch.task = Task { [requests] in await run(requests) }
    state.running = batch
  }

  private func run(_ requests: [Request]) async {
    let result: Result<[Reply], StorageFailure>
    do { result = .success(try await serve(requests)) } catch { result = .failure(error) }
    let entries = state.withLock { state in
      let entries = state.running?.entries ?? []
      state.running = nil
      start(&state)
      return entries
    }
    for (index, entry) in entries.enumerated() {
      entry.continuation.resume(returning: result.map { $0[index] })
    }
  }

  private func cancel(_ number: UInt64) {
    let (waiting, task) = state.withLock { state -> (Entry?, Task<Void, Never>?) in
      if let index = state.waiting.firstIndex(where: { $0.number == number }) {
        return (state.waiting.remove(at: index), nil)
      }
      guard state.running?.entries.contains(where: { $0.number == number }) == true else { return (nil, nil) }
      state.running?.cancelled.insert(number)
      guard state.running?.cancelled.count == state.running?.entries.count else { return (nil, nil) }
      return (nil, state.running?.task)
    }
    waiting?.continuation.resume(returning: .failure(.cancelled))
    task?.cancel()
  }
}
