import Synchronization

/// The calls that are being worked on, so that a server which cannot wait for them any longer can end them and still
/// tell their clients: cancelling the server itself would reset their streams.
final class OpenCalls: Sendable {
  private struct State {
    var nextID = 0
    var cancellations: [Int: @Sendable () -> Void] = [:]
    var isStopped = false
  }

  private let state = Mutex(State())

  /// Whether calls have been ended.
  var isStopped: Bool { state.withLock { $0.isStopped } }

  /// Runs a part of a call, whose `cancel` is called when the calls are ended.
  func run<Value>(
    cancel: @escaping @Sendable () -> Void, _ body: () async throws -> Value
  ) async throws -> Value {
    let (id, isStopped) = state.withLock { state in
      state.nextID += 1
      if !state.isStopped { state.cancellations[state.nextID] = cancel }
      return (state.nextID, state.isStopped)
    }
    if isStopped { cancel() }
    defer { state.withLock { $0.cancellations[id] = nil } }
    return try await body()
  }

  /// Ends all calls, and those that come.
  ///
  /// - Returns: how many were open.
  func stop() -> Int {
    let cancellations = state.withLock { state in
      state.isStopped = true
      return Array(state.cancellations.values)
    }
    for cancel in cancellations { cancel() }
    return cancellations.count
  }
}
