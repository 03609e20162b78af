package import Domain
package import FoundationEssentials
import Synchronization

/// Owns the resumable replies of this process, which outlive the requests that asked for them, and speaks with the log
/// for all replies that are written here.
///
/// Somebody runs it (``run()``), tends the replies at an interval or when woken (``tend()``, ``wait()``), and removes
/// what has expired (``sweep()``): a service of the server.
package final class ReplyDesk: Sendable {
  /// Times and sizes of resumable replies.
  package struct Settings: Hashable, Sendable {
    /// How long a reply can be taken up after its last reader has gone, or after its end, in seconds.
    package var window: TimeInterval = 60
    /// How many may be written at once in this process.
    package var maximumReplies = 256
    /// How many may be written at once for one owner; as many ended ones are kept.
    package var maximumPerOwner = 8
    /// The most bytes of a resumable reply's text; beyond it ends with the finish reason `length`.
    package var maximumBytes = 2 << 20
    /// The most parts of a resumable reply; beyond it ends with the finish reason `length`.
    package var maximumEvents = 1 << 16
    /// How long events are gathered before they are written together; zero writes each at once.
    package var batchInterval: Duration = .zero
    /// How often the writer says that it is there.
    package var heartbeat: Duration = .seconds(1)
    /// A writer that has said nothing for so many seconds is dead.
    package var writerSilence: TimeInterval = 5
    /// How often a reader looks by itself, and says that it is there.
    package var readerInterval: Duration = .milliseconds(500)

    /// The standard settings.
    package init() {}

    /// How long an entry stays that nobody tends, in seconds.
    var untendedLifetime: TimeInterval { max(window, 30) }
  }

  private struct State {
    var isStopped = false
    /// The resumable replies that are being written, and whether nobody wants them any more.
    var replies: [MessageID: Bool] = [:]
  }

  let log: any ReplyLog
  let signals: ReplySignals
  let settings: Settings
  private let active: ActiveReplies
  private let clock: WallClock
  private let wakeUp = Signal()
  private let state = Mutex(State())
  private let tasks: AsyncStream<Task<Void, Never>>
  private let handOver: AsyncStream<Task<Void, Never>>.Continuation

  init(
    log: any ReplyLog, signals: ReplySignals, active: ActiveReplies, settings: Settings, clock: WallClock
  ) {
    self.log = log
    self.signals = signals
    self.active = active
    self.settings = settings
    self.clock = clock
    (tasks, handOver) = AsyncStream.makeStream()
  }

  // What the service does

  /// Owns replies until it is stopped and all have ended; cancelling the task cancels them.
  package func run() async {
    await withDiscardingTaskGroup { group in
      for await task in tasks {
        group.addTask {
          await withTaskCancellationHandler {
            await task.value
          } onCancel: {
            task.cancel()
          }
        }
      }
    }
  }

  /// Whether no resumable reply is being written.
  package var isIdle: Bool { state.withLock { $0.replies.isEmpty } }

  /// Begins no reply any more and cancels those that are being written, whose readers are told so.
  package func stop() {
    let replies = state.withLock { state in
      state.isStopped = true
      return Array(state.replies.keys)
    }
    handOver.finish()
    for reply in replies { active.cancel(reply) }
  }

  /// Tells the log which replies are written here, and cancels those that somebody has asked to cancel, and those whose
  /// last reader has been gone for the window.
  package func tend() async throws(StorageFailure) {
    let replies = active.ids
    guard !replies.isEmpty else { return }
    let now = clock.now()
    for (reply, attention) in try await log.tend(replies, at: now, keepFor: settings.untendedLifetime) {
      let isAbandoned = now.timeIntervalSince(attention.readerSeenAt) > settings.window && abandon(reply)
      if isAbandoned || attention.isCancelled { active.cancel(reply) }
    }
  }

  /// Notes that nobody wants a resumable reply any more; `false` where there is none of that id.
  private func abandon(_ reply: MessageID) -> Bool {
    state.withLock { state in
      guard state.replies[reply] != nil else { return false }
      state.replies[reply] = true
      return true
    }
  }

  /// Removes replies that have expired, whoever wrote them.
  package func sweep() async throws(StorageFailure) -> Int { try await log.deleteExpired(at: clock.now()) }

  /// Waits for the next heartbeat, or until something may be known of a reply of this process.
  package func wait(since generation: UInt64) async {
    await wakeUp.wait(since: generation, upTo: settings.heartbeat)
  }

  /// Read it before ``tend()``, and pass it to ``wait(since:)``.
  package var generation: UInt64 { wakeUp.generation }

  /// Another process says that something has happened to a reply; `nil`: nobody knows to which.
  package func heard(of reply: MessageID?) {
    guard let reply else {
      signals.notifyAll()
      return wakeUp.notify()
    }
    signals.notify(reply)
    if active.contains(reply) { wakeUp.notify() }
  }

  // What those do who write

  /// Enters a reply in the log.
  ///
  /// - Throws: `.exhausted` when too many resumable ones are being written.
  func open(_ reply: LoggedReply) async throws(UseCaseFailure) {
    if reply.isResumable { try reserve(reply.id) }
    do throws(UseCaseFailure) {
      let isEntered = try await storing("reply") { () async throws(StorageFailure) in
        try await log.begin(
          reply, at: clock.now(), keepFor: settings.untendedLifetime, maximumPerOwner: settings.maximumPerOwner)
      }
      guard isEntered else {
        throw .exhausted(
          "you have \(settings.maximumPerOwner) resumable answers under way: wait until one ends, or cancel one")
      }
    } catch {
      release(reply.id)
      throw error
    }
  }

  private func reserve(_ reply: MessageID) throws(UseCaseFailure) {
    try state.withLock { state throws(UseCaseFailure) in
      guard !state.isStopped else { throw .unavailable("the server is being stopped; try again") }
      guard state.replies.count < settings.maximumReplies else {
        throw .exhausted("too many resumable answers are being written; try again, or without resumable")
      }
      state.replies[reply] = false
    }
  }

  private func release(_ reply: MessageID) {
    state.withLock { state in
      _ = state.replies.removeValue(forKey: reply)
    }
  }

  /// Ends a reply in the log, also when the task is cancelled.
  func close(_ reply: LoggedReply) async {
    let isAbandoned = state.withLock { $0.replies[reply.id] } ?? true
    await Task { [log, settings, clock] in
      // When it fails, the entry expires: nobody tends it any more.
      try? await log.end(
        reply.id, of: reply.owner, at: clock.now(), keepFor: isAbandoned ? nil : settings.window)
    }.value
    release(reply.id)
    signals.notify(reply.id)
  }

  /// Has a resumable reply written, whoever reads it; returns at once.
  ///
  /// The task takes the context of the request with it, such as its id in logs; it belongs to ``run()``.
  ///
  /// - Throws: `.unavailable` when the desk is stopped; then the reply has ended.
  func start(
    _ reply: LoggedReply, _ write: @escaping @Sendable (@escaping ChatEmitter) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    let recorder = ReplyRecorder(
      reply, log: log, signals: signals, interval: settings.batchInterval, patience: .seconds(settings.writerSilence))
    let task = Task { [self] in
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await recorder.run() }
        do throws(UseCaseFailure) {
          try await write { event throws(UseCaseFailure) in try await recorder.record(event) }
        } catch {
          // When the log has failed this does, too: readers then find the writer silent.
          try? await recorder.record(.failed(error))
        }
        recorder.close()
      }
      await close(reply)
    }
    if case .terminated = handOver.yield(task) {
      task.cancel()
      await task.value
      throw .unavailable("the server is being stopped; try again")
    }
  }
}
