import NIOCore
import NIOHTTP1
import Synchronization

/// One call of a provider: the answer as its bytes come.
///
/// The connection puts in what comes, on its event loop; one reader takes it out: in a task, part by part (``next()``), or
/// as it comes (``read(_:)``), in the same turn of the loop.
final class ProviderExchange: Sendable {
  fileprivate struct Flow {
    var head: HTTPResponseHead?
    /// Whether a head has come, which may be forgotten since.
    var hasHead = false
    var parts = CircularBuffer<ByteBuffer>(initialCapacity: 0)
    var bytes = 0
    var isOver = false
    var failure: (any Error)?
    var holdsRead = false
    var connection: ProviderConnection?
    /// Not a checked one, which would be made for each part of each reply: ``wake(_:)`` alone takes and resumes it.
    var waiter: UnsafeContinuation<Void, Never>?
    var waitsForHead = false
    /// Who takes the parts as they come.
    var taker: Taker?
    /// Whether the taker is at it: who fails the call leaves it to wake the reader.
    var isTaking = false

    /// Whether there is something for the reader.
    var isDue: Bool { failure != nil || isOver || !parts.isEmpty || (waitsForHead && hasHead) }

    /// How the taking has ended; `nil` while it goes on.
    var takingEnd: TakingEnd? {
      if let failure { return .failure(failure) }
      return isOver ? .success(.over) : nil
    }
  }

  /// What takes the parts of the body, and the reader that waits until it wants no more of them.
  fileprivate struct Taker {
    let take: @Sendable (ByteBuffer) throws -> Bool
    let reader: UnsafeContinuation<Taken, any Error>
  }

  fileprivate enum Taken {
    /// The body has ended.
    case over
    /// No more is wanted for now.
    case enough
    /// There is something that waits to be taken.
    case waiting
  }

  fileprivate typealias TakingEnd = Result<Taken, any Error>

  /// The most bytes that wait for the reader before the connection is no longer read.
  private static let maximumWaitingBytes = 64 << 10

  /// Where its connection is.
  let eventLoop: any EventLoop
  fileprivate let flow = Mutex(Flow())

  init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  // What the reader calls

  /// Waits for the head of the answer.
  func untilHead() async throws {
    while true {
      let isThere = try flow.withLock { flow in
        if flow.hasHead { return true }
        if let failure = flow.failure { throw failure }
        return false
      }
      if isThere { return }
      await wait(forHead: true)
    }
  }

  /// The header fields; there once ``untilHead()`` has returned.
  var headers: HTTPHeaders { flow.withLock { $0.head?.headers } ?? [:] }

  /// Keeps the head no longer: a stream goes on for long, and there may be thousands of them.
  func forgetHead() { flow.withLock { $0.head = nil } }

  /// The next bytes of the body; `nil` at its end.
  func next() async throws -> ByteBuffer? {
    while true {
      let (part, isOver) = try popFirst()
      if part != nil || isOver { return part }
      await wait(forHead: false)
    }
  }

  private func popFirst() throws -> (ByteBuffer?, isOver: Bool) {
    let (part, isOver, reads): (ByteBuffer?, Bool, ProviderConnection?) = try flow.withLock { flow in
      guard let part = flow.parts.popFirst() else {
        if let failure = flow.failure { throw failure }
        return (nil, flow.isOver, nil)
      }
      flow.bytes -= part.readableBytes
      guard flow.holdsRead, flow.bytes < Self.maximumWaitingBytes / 2 else { return (part, false, nil) }
      flow.holdsRead = false
      return (part, false, flow.connection)
    }
    reads?.readOn()
    return (part, isOver)
  }

  /// Hands over the parts of the body as they come: on the connection's event loop, with no task to be woken for it.
  ///
  /// - Parameter take: takes the next part; whether it wants another.
  /// - Returns: whether the body has ended; `false` when `take` wants no more for now.
  /// - Throws: what `take` throws, or why the call failed. `take` is not called any more when this returns.
  func read(_ take: @escaping @Sendable (ByteBuffer) throws -> Bool) async throws -> Bool {
    while true {
      // What has come while nobody took.
      while let part = try popFirst().0 {
        if !(try take(part)) { return false }
      }
      let taken = try await withUnsafeThrowingContinuation { reader in
        let known: TakingEnd? = flow.withLock { flow in
          if !flow.parts.isEmpty { return .success(.waiting) }
          if let end = flow.takingEnd { return end }
          flow.taker = Taker(take: take, reader: reader)
          return nil
        }
        if let known { reader.resume(with: known) }
      }
      switch taken {
      case .over: return true
      case .enough: return false
      case .waiting: continue
      }
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

  func take(_ head: HTTPResponseHead) { flow.withLock { ($0.head, $0.hasHead) = (head, true) } }

  func take(_ bytes: ByteBuffer) {
    let taker: Taker? = flow.withLock { flow in
      if let taker = flow.taker, flow.takingEnd == nil {
        flow.isTaking = true
        return taker
      }
      flow.parts.append(bytes)
      flow.bytes += bytes.readableBytes
      return nil
    }
    guard let taker else { return }
    let taken = Result { try taker.take(bytes) }
    let end: TakingEnd? = flow.withLock { flow in
      flow.isTaking = false
      let end: TakingEnd? =
        switch taken {
        case .success(true): flow.takingEnd
        case .success(false): .success(.enough)
        case .failure(let error): .failure(error)
        }
      if end != nil { flow.taker = nil }
      return end
    }
    if let end { taker.reader.resume(with: end) }
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
        flow.failure = !flow.hasHead ? ProviderConnections.Failure.closed : ProviderConnections.Failure.cut
      }
    }
  }

  func fail(_ error: any Error) { wake { if $0.failure == nil { $0.failure = error } } }

  private func wake(_ change: (inout Flow) -> Void) {
    let (waiter, taking): (UnsafeContinuation<Void, Never>?, (Taker, TakingEnd)?) = flow.withLock { flow in
      change(&flow)
      if let taker = flow.taker {
        guard !flow.isTaking, let end = flow.takingEnd else { return (nil, nil) }
        flow.taker = nil
        return (nil, (taker, end))
      }
      return (flow.isDue ? flow.waiter.take() : nil, nil)
    }
    waiter?.resume()
    if let (taker, end) = taking { taker.reader.resume(with: end) }
  }
}

extension ProviderExchange: ProviderResponse {
  /// The status; there once ``untilHead()`` has returned.
  var status: HTTPResponseStatus { flow.withLock { $0.head?.status } ?? .internalServerError }
}
