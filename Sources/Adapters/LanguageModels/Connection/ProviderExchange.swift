import NIOCore
import NIOHTTP1
import Synchronization

/// One call of a provider: the answer as its bytes come.
///
/// The connection puts in what comes, on its event loop; one reader takes it out, on any thread. Where both are on the same
/// thread nothing is handed over: the reader goes on in the same turn of the loop.
final class ProviderExchange: Sendable {
  fileprivate struct Flow {
    var head: HTTPResponseHead?
    var parts = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    var bytes = 0
    var isOver = false
    var failure: (any Error)?
    var holdsRead = false
    var connection: ProviderConnection?
    /// Not a checked one, which would be made for each part of each reply: ``wake(_:)`` alone takes and resumes it.
    var waiter: UnsafeContinuation<Void, Never>?
    var waitsForHead = false

    /// Whether there is something for the reader.
    var isDue: Bool { failure != nil || isOver || !parts.isEmpty || (waitsForHead && head != nil) }
  }

  /// The most bytes that wait for the reader before the connection is no longer read.
  private static let maximumWaitingBytes = 64 << 10

  /// Where its connection is.
  let eventLoop: any EventLoop
  fileprivate let flow = Mutex(Flow())

  init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  // What the reader calls

  /// Runs a part of the call; where the task is cancelled, the connection is closed, and the part ends.
  func cancellable<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    try await withTaskCancellationHandler {
      try await body()
    } onCancel: {
      fail(CancellationError())
      leave(closing: true)
    }
  }

  /// Waits for the head of the answer.
  func untilHead() async throws {
    while true {
      let isThere = try flow.withLock { flow in
        if flow.head != nil { return true }
        if let failure = flow.failure { throw failure }
        return false
      }
      if isThere { return }
      await wait(forHead: true)
    }
  }

  /// The header fields; there once ``untilHead()`` has returned.
  var headers: HTTPHeaders { flow.withLock { $0.head?.headers } ?? [:] }

  /// The next bytes of the body; `nil` at its end.
  func next() async throws -> ByteBuffer? {
    while true {
      let (part, isDue, reads): (ByteBuffer?, Bool, ProviderConnection?) = try flow.withLock { flow in
        guard let part = flow.parts.popFirst() else {
          if let failure = flow.failure { throw failure }
          return (nil, flow.isOver, nil)
        }
        flow.bytes -= part.readableBytes
        guard flow.holdsRead, flow.bytes < Self.maximumWaitingBytes / 2 else { return (part, true, nil) }
        flow.holdsRead = false
        return (part, true, flow.connection)
      }
      reads?.readOn()
      if isDue { return part }
      await wait(forHead: false)
    }
  }

  private func wait(forHead: Bool) async {
    await withUnsafeContinuation { continuation in
      let goesOn = flow.withLock { flow in
        flow.waitsForHead = forHead
        if flow.isDue { return true }
        flow.waiter = continuation
        return false
      }
      if goesOn { continuation.resume() }
    }
  }

  /// Wants no more of the answer.
  ///
  /// - Parameter closing: whether the provider is to notice at once; else what little is left is read over, so that the
  ///   connection can be kept.
  func leave(closing: Bool) {
    let connection = flow.withLock { $0.connection }
    connection?.leave(self, closing: closing)
  }

  /// Returns when its connection is closed, or was never made.
  func closed() async {
    let connection = flow.withLock { $0.isOver ? nil : $0.connection }
    await connection?.closed()
  }

  // What the connection calls

  /// Whether anybody still waits for an answer.
  var isWanted: Bool { flow.withLock { $0.failure == nil } }

  /// The connection that the call is on.
  var connection: ProviderConnection? {
    get { flow.withLock { $0.connection } }
    set { flow.withLock { $0.connection = newValue } }
  }

  func take(_ head: HTTPResponseHead) { flow.withLock { $0.head = head } }

  func take(_ bytes: ByteBuffer) {
    flow.withLock { flow in
      flow.parts.append(bytes)
      flow.bytes += bytes.readableBytes
    }
  }

  /// All that came at once is here: the reader's turn.
  func readComplete() { wake { _ in } }

  /// Whether the reader is behind, so that no more is to be read for now.
  func holdsRead() -> Bool {
    flow.withLock { flow in
      flow.holdsRead = flow.bytes >= Self.maximumWaitingBytes
      return flow.holdsRead
    }
  }

  func end() { wake { $0.isOver = true } }

  /// The connection has ended without an end of the answer.
  func broke() {
    wake { flow in
      if !flow.isOver, flow.failure == nil {
        flow.failure = flow.head == nil ? ProviderConnections.Failure.closed : ProviderConnections.Failure.cut
      }
    }
  }

  func fail(_ error: any Error) { wake { if $0.failure == nil { $0.failure = error } } }

  private func wake(_ change: (inout Flow) -> Void) {
    let waiter = flow.withLock { flow in
      change(&flow)
      guard flow.isDue else { return UnsafeContinuation<Void, Never>?.none }
      defer { flow.waiter = nil }
      return flow.waiter
    }
    waiter?.resume()
  }
}

extension ProviderExchange: ProviderResponse {
  /// The status; there once ``untilHead()`` has returned.
  var status: HTTPResponseStatus { flow.withLock { $0.head?.status } ?? .internalServerError }
}
