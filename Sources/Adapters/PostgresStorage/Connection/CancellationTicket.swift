import CLibPQ
import Dispatch
import Synchronization

/// What asks the server to cancel what a connection runs.
///
/// Unchecked because of the pointer: `PQcancel` only reads it and may be called from any thread (libpq, "Canceling
/// Queries in Progress"); it is freed when nobody holds it any more.
final class ServerCancellation: @unchecked Sendable {
  private let pointer: OpaquePointer
  /// `PQcancel` opens a connection of its own and blocks meanwhile.
  private static let queue = DispatchQueue(label: "postgres.cancel", attributes: .concurrent)

  init?(of connection: OpaquePointer) {
    guard let pointer = PQgetCancel(connection) else { return nil }
    self.pointer = pointer
  }

  deinit { PQfreeCancel(pointer) }

  /// Sends the request and calls `completion` when the server has passed it on, or cannot be asked.
  func request(completion: @escaping @Sendable () -> Void) {
    Self.queue.async {
      // 256 bytes is what libpq recommends for the message, which is of no use: a request that does not arrive shows
      // in the statement running on.
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { message in
        _ = PQcancel(self.pointer, message.baseAddress, 256)
      }
      completion()
    }
  }
}

/// Cancels one exchange, and never the one behind it: an exchange ends only when the request that was sent for it has
/// been delivered.
final class CancellationTicket: Sendable {
  private enum State {
    case waiting
    case running(ServerCancellation)
    /// The request is on its way; what is called when it has arrived.
    case cancelling(whenDelivered: (@Sendable () -> Void)?)
    case cancelled
    case finished
  }

  private let state = Mutex(State.waiting)

  private let onRequest: @Sendable (CancellationTicket) -> Void

  /// - Parameter onRequest: called with the ticket when a request is about to be sent to the server.
  init(onRequest: @escaping @Sendable (CancellationTicket) -> Void) { self.onRequest = onRequest }

  /// Whether the task was cancelled before the exchange had ended.
  var isCancelled: Bool {
    state.withLock { state in
      switch state {
      case .waiting, .running, .finished: false
      case .cancelling, .cancelled: true
      }
    }
  }

  /// Says that the exchange is about to be sent; false when it was cancelled before.
  func begin(_ cancellation: ServerCancellation) -> Bool {
    state.withLock { state in
      guard case .waiting = state else { return false }
      state = .running(cancellation)
      return true
    }
  }

  /// Cancels the exchange: it is not sent, or the server is asked; nothing happens once it has ended.
  func cancel() {
    let cancellation: ServerCancellation? = state.withLock { state in
      switch state {
      case .waiting:
        state = .cancelled
        return nil
      case .running(let cancellation):
        state = .cancelling(whenDelivered: nil)
        return cancellation
      case .cancelling, .cancelled, .finished: return nil
      }
    }
    guard let cancellation else { return }
    onRequest(self)
    cancellation.request {
      let whenDelivered: (@Sendable () -> Void)? = self.state.withLock { state in
        guard case .cancelling(let whenDelivered) = state else { return nil }
        state = .cancelled
        return whenDelivered
      }
      whenDelivered?()
    }
  }

  /// Says that the answer is complete.
  ///
  /// - Returns: whether the exchange has ended; otherwise `whenDelivered` is called, on any thread, when it has.
  func finish(whenDelivered: @escaping @Sendable () -> Void) -> Bool {
    state.withLock { state in
      switch state {
      case .waiting, .running:
        state = .finished
        return true
      case .cancelling:
        state = .cancelling(whenDelivered: whenDelivered)
        return false
      case .cancelled, .finished: return true
      }
    }
  }
}
