import Dispatch
import Glibc

/// Waits for a socket without holding a thread: ends once, with whichever of readiness, deadline and cancellation comes
/// first.
///
/// Unchecked: what changes is touched in blocks on `queue` only.
final class SocketWait: @unchecked Sendable {
  enum Direction {
    case read
    case write
  }

  private typealias Outcome = Result<Bool, any Error>

  private let queue: DispatchQueue
  private var source: (any DispatchSourceProtocol)?
  private var continuation: CheckedContinuation<Outcome, Never>?
  private var outcome: Outcome?

  private init(on queue: DispatchQueue) { self.queue = queue }

  /// Waits until the socket can be read or written; false when the deadline came first.
  static func ready(
    _ socket: Int32, for direction: Direction, until deadline: DispatchTime, on queue: DispatchQueue
  ) async throws -> Bool {
    // libpq may close its socket and open another under the same number while the source is still being cancelled.
    let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
    guard descriptor >= 0 else { return false }
    let wait = SocketWait(on: queue)
    return try await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        queue.async { wait.start(descriptor, direction, deadline, continuation) }
      }
    } onCancel: {
      queue.async { wait.end(.failure(CancellationError())) }
    }.get()
  }

  private func start(
    _ descriptor: Int32, _ direction: Direction, _ deadline: DispatchTime,
    _ continuation: CheckedContinuation<Outcome, Never>
  ) {
    if let outcome {
      close(descriptor)
      return continuation.resume(returning: outcome)
    }
    self.continuation = continuation
    let source: any DispatchSourceProtocol =
      switch direction {
      case .read: DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
      case .write: DispatchSource.makeWriteSource(fileDescriptor: descriptor, queue: queue)
      }
    source.setEventHandler { self.end(.success(true)) }
    source.setCancelHandler { _ = close(descriptor) }
    source.activate()
    self.source = source
    queue.asyncAfter(deadline: deadline) { [weak self] in self?.end(.success(false)) }
  }

  private func end(_ outcome: Outcome) {
    guard self.outcome == nil else { return }
    self.outcome = outcome
    source?.cancel()
    source = nil
    continuation?.resume(returning: outcome)
    continuation = nil
  }
}
