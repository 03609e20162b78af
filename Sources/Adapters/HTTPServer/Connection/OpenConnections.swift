import NIOCore
import Synchronization

/// The connections that are open, and what is being done on them, so that a server that stops waits for it, or ends it.
///
/// Hummingbird would have a task for each connection that does so; most would only wait, all their life.
final class OpenConnections: Sendable {
  private struct Connection {
    let channel: any Channel
    /// Answers its requests, once one has come that needs it.
    var task: Task<Void, Never>?
  }

  private struct State {
    var connections: [ObjectIdentifier: Connection] = [:]
    /// How many tasks run.
    var tasks = 0
    /// No connection may stay.
    var isOver = false
    var waiting: [CheckedContinuation<Void, Never>] = []

    var isIdle: Bool { connections.isEmpty && tasks == 0 }

    /// Those that have waited for this.
    mutating func takeWaiting() -> [CheckedContinuation<Void, Never>] {
      guard isIdle else { return [] }
      defer { waiting = [] }
      return waiting
    }
  }

  private let state = Mutex(State())

  /// A connection has been made.
  func opened(_ channel: any Channel) {
    let isOver = state.withLock { state in
      state.connections[ObjectIdentifier(channel)] = Connection(channel: channel)
      return state.isOver
    }
    if isOver { channel.close(promise: nil) }
  }

  /// A connection has ended; one that was told to have is no failure.
  func closed(_ channel: any Channel) {
    change { $0.connections[ObjectIdentifier(channel)] = nil }
  }

  /// Answers the requests of a connection, from now to its end, in a task that is cancelled by ``cancelAll()``.
  func serve(_ channel: any Channel, _ body: @escaping @Sendable () async -> Void) {
    state.withLock { state in
      state.tasks += 1
      // It comes to its end only when this has let go of the lock.
      let task = Task { [self] in
        await body()
        ended()
      }
      if state.isOver { task.cancel() }
      // Of a connection that has ended meanwhile there is nothing to cancel, but it has to be read to its end.
      state.connections[ObjectIdentifier(channel)]?.task = task
    }
  }

  /// A task begins that ends when its connection does, until ``ended()``.
  func began() { state.withLock { $0.tasks += 1 } }

  /// A task that was told to begin has ended.
  func ended() { change { $0.tasks -= 1 } }

  /// Ends what is being done, and closes the connections, those too that are made from now on.
  func cancelAll() {
    let connections = state.withLock { state in
      state.isOver = true
      return Array(state.connections.values)
    }
    for connection in connections {
      // A task closes its connection when it has said what is left to say.
      if let task = connection.task { task.cancel() } else { connection.channel.close(promise: nil) }
    }
  }

  /// Waits until no connection is open, and nothing is being done.
  func untilIdle() async {
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        if !state.isIdle { state.waiting.append(continuation) }
        return state.isIdle
      }
      if isIdle { continuation.resume() }
    }
  }

  private func change(_ body: (inout State) -> Void) {
    let waiting = state.withLock { state in
      body(&state)
      return state.takeWaiting()
    }
    for continuation in waiting { continuation.resume() }
  }
}
