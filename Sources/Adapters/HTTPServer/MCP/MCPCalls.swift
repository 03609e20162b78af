import Domain
import JSONValues
import NIOCore
import Synchronization

/// The requests that are being worked on, so that their clients can end them: by closing the connection, or, before
/// 2026-07-28, by `notifications/cancelled`.
///
/// It knows those of this process. A notification that reaches another one finds nothing, which the protocol allows: its
/// receiver may not know the request any more.
final class MCPCalls: Sendable {
  /// Which request a client means.
  struct Key: Hashable {
    /// Whoever shows the token: nobody ends what is another's.
    let caller: UserID
    /// What `initialize` has given the client. Ids of requests are counted by each client for itself.
    let session: String
    /// The id of the request.
    let id: JSONValue
  }

  private struct Running {
    let cancel: @Sendable () -> Void
    var wasCancelled = false
  }

  private struct State {
    var count = 0
    var running: [Key: [Int: Running]] = [:]
  }

  private let state = Mutex(State())

  /// Makes an empty list.
  init() {}

  /// How many requests with a key are being worked on.
  var count: Int { state.withLock { $0.running.values.reduce(0) { $0 + $1.count } } }

  /// Works on a request in a task of its own, which is cancelled when the client closes the connection, when it says so by
  /// the key, or when the calling task is cancelled.
  ///
  /// - Parameter key: `nil` for a request that a client can only leave.
  /// - Throws: ``MCPError`` when it was cancelled by its key; what `work` throws.
  func run(
    _ key: Key?, on connection: any Channel, _ work: @escaping @Sendable () async throws -> Answer
  ) async throws -> Answer {
    let task = Task { try await work() }
    let number = key.map { enter($0, cancel: { task.cancel() }) }
    let result: Result<Answer, any Error>
    do {
      await Self.watch(connection) { task.cancel() }
      let answer = try await withTaskCancellationHandler {
        try await task.value
      } onCancel: {
        task.cancel()
      }
      result = .success(answer)
    } catch {
      result = .failure(error)
    }
    let wasCancelled = if let key, let number { leave(key, number) } else { false }
    if wasCancelled, case .failure = result { throw MCPError.cancelled }
    return try result.get()
  }

  /// Has somebody told when the client of a connection leaves before it has its answer.
  static func watch(_ connection: any Channel, onLeaving: @escaping @Sendable () -> Void) async {
    let watching = connection.eventLoop.submit {
      try connection.pipeline.syncOperations.handler(type: ConnectionHandler.self).watchClient(onLeaving)
    }
    // A connection that is closed has no handlers.
    do { try await watching.get() } catch { onLeaving() }
  }

  /// Ends what is worked on under a key, if anything is.
  func cancel(_ key: Key) {
    let calls = state.withLock { state in
      for number in state.running[key, default: [:]].keys { state.running[key]?[number]?.wasCancelled = true }
      return state.running[key].map { Array($0.values) } ?? []
    }
    for call in calls { call.cancel() }
  }

  private func enter(_ key: Key, cancel: @escaping @Sendable () -> Void) -> Int {
    state.withLock { state in
      state.count += 1
      state.running[key, default: [:]][state.count] = Running(cancel: cancel)
      return state.count
    }
  }

  /// Forgets a request; answers whether it was cancelled.
  private func leave(_ key: Key, _ number: Int) -> Bool {
    state.withLock { state in
      let call = state.running[key]?.removeValue(forKey: number)
      if state.running[key]?.isEmpty == true { state.running[key] = nil }
      return call?.wasCancelled ?? false
    }
  }
}
