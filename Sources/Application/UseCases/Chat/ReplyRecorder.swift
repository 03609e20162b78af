import Domain
import FoundationEssentials
import Synchronization

/// Takes the events of a reply as they are made and writes them to the log in batches.
///
/// The first event after a silence is written at once, those that follow are gathered: for the batch interval at most, or
/// until ``batchLimit`` are there. A writer that is faster than the log waits.
final class ReplyRecorder: Sendable {
  /// The most events that are written at once.
  static let batchLimit = 64
  /// The most events that wait; whoever has one more waits itself.
  static let maximumWaiting = 256
  /// Between two attempts at a log that does not answer.
  static let retryInterval: Duration = .milliseconds(250)

  private struct State {
    var waiting: [ChatEvent] = []
    var isClosed = false
    var failure: UseCaseFailure?
  }

  private let reply: LoggedReply
  private let log: any ReplyLog
  private let signals: ReplySignals
  private let interval: Duration
  /// How long a log that does not answer is tried again, after which readers take the writer for dead.
  private let patience: Duration
  private let state = Mutex(State())
  private let arrived = Signal()
  private let taken = Signal()

  init(
    _ reply: LoggedReply, log: any ReplyLog, signals: ReplySignals, interval: Duration, patience: Duration
  ) {
    self.reply = reply
    self.log = log
    self.signals = signals
    self.interval = interval
    self.patience = patience
  }

  /// Takes an event.
  ///
  /// - Throws: what has kept the events before from being written.
  func record(_ event: ChatEvent) async throws(UseCaseFailure) {
    while true {
      let generation = taken.generation
      let outcome = state.withLock { state -> Result<Bool, UseCaseFailure> in
        if let failure = state.failure { return .failure(failure) }
        guard state.waiting.count < Self.maximumWaiting else { return .success(false) }
        state.waiting.append(event)
        return .success(true)
      }
      if try outcome.get() { return arrived.notify() }
      guard !Task.isCancelled else { throw .cancelled }
      await taken.wait(since: generation)
    }
  }

  /// Says that no event follows; ``run()`` then ends when all are written.
  func close() {
    state.withLock { $0.isClosed = true }
    arrived.notify()
  }

  /// Writes what comes, until it is closed or the log has failed.
  func run() async {
    var first = 1
    while true {
      let generation = arrived.generation
      let (batch, isClosed) = state.withLock { state in
        let batch = Array(state.waiting.prefix(Self.batchLimit))
        state.waiting.removeFirst(batch.count)
        return (batch, state.isClosed)
      }
      if batch.isEmpty {
        if isClosed { return }
        if Task.isCancelled { return fail(.cancelled) }
        await arrived.wait(since: generation)
        continue
      }
      taken.notify()
      do throws(StorageFailure) { try await write(batch, first: first) } catch {
        return fail(UseCaseFailure(error, "reply"))
      }
      first += batch.count
      signals.notify(reply.id)
      await gather()
    }
  }

  private func fail(_ failure: UseCaseFailure) {
    state.withLock { $0.failure = failure }
    taken.notify()
  }

  private func write(_ batch: [ChatEvent], first: Int) async throws(StorageFailure) {
    let deadline = ContinuousClock.now + patience
    var isRepeated = false
    while true {
      do throws(StorageFailure) {
        return try await log.append(batch, first: first, to: reply.id, of: reply.owner)
      } catch {
        // The attempt before was written, and only its answer was lost.
        if isRepeated, case .conflict = error { return }
        isRepeated = true
        guard case .unavailable = error, ContinuousClock.now < deadline else { throw error }
        do { try await Task.sleep(for: Self.retryInterval) } catch { throw .cancelled }
      }
    }
  }

  /// Waits for the batch interval, or until a batch is full or the last event is there.
  private func gather() async {
    guard interval > .zero else { return }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [interval] in try? await Task.sleep(for: interval) }  // Ends early only when cancelled.
      group.addTask { [self] in
        while !Task.isCancelled {
          let generation = arrived.generation
          if state.withLock({ $0.isClosed || $0.waiting.count >= Self.batchLimit }) { return }
          await arrived.wait(since: generation)
        }
      }
      await group.next()
      group.cancelAll()
    }
  }
}
