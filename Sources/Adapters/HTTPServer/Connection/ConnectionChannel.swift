import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import Synchronization

/// Sets up each connection: completions are answered on it by channel handlers, all else by Hummingbird.
///
/// What Hummingbird needs is added to a connection when it gets its first request: one that only ever asks for completions
/// has no more than its handler.
struct ConnectionChannel: HTTPChannelHandler {
  /// A connection, and what Hummingbird reads from it once it has to.
  struct Value: ServerChildChannelValue {
    let channel: any Channel
    /// Is settled when Hummingbird is needed, and when the connection ends before.
    let attachment: ConnectionAttachment
  }

  let responder: HTTPChannelHandler.Responder
  /// Answers completions; `nil` where they are not served.
  let completions: CompletionCalls?
  let limits: HTTPLimits

  func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
    channel.eventLoop.makeCompletedFuture {
      var decoder = NIOHTTPDecoderLimitConfiguration()
      decoder.maxHeaderFieldSize = limits.headerFields
      decoder.maxHeaderListSize = limits.headerFields
      decoder.maxHeaderFieldCount = 1_000
      // It keeps the buffer from one read to the next: thousands of connections that wait are not to keep much. It grows
      // where more comes at once.
      try channel.syncOptions?.setOption(
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 512, maximum: 65_536))
      let pipeline = channel.pipeline.syncOperations
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
        withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
      let handler = ConnectionHandler(channel, completions: completions, limits: limits)
      try pipeline.addHandler(handler)
      return Value(channel: channel, attachment: handler.attachment)
    }
  }

  func handle(value: Value, logger: Logger) async {
    // There is none where the connection has ended, and then nothing to answer.
    guard let channel = await value.attachment.settled() else { return }
    await serve(channel, logger: logger)
  }

  /// Has Hummingbird answer. A function of its own, never inlined: what it needs is kept by every connection that waits
  /// otherwise, and most that ask for completions wait until their end.
  @inline(never)
  private func serve(_ channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, logger: Logger) async {
    await handleHTTP(asyncChannel: channel, logger: logger)
  }
}

/// Waits for what Hummingbird reads from a connection.
///
/// A future would do the same; this keeps little while it waits, which thousands of connections do all their life.
final class ConnectionAttachment: Sendable {
  typealias Channel = NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>

  private enum State {
    case open(waiter: UnsafeContinuation<Channel?, Never>?)
    case settled(Channel?)
  }

  private let state = Mutex(State.open(waiter: nil))

  /// Says what it is; `nil` where it never will be. What is said first counts.
  func settle(with channel: Channel?) {
    let waiter: UnsafeContinuation<Channel?, Never>? = state.withLock { state in
      guard case .open(let waiter) = state else { return nil }
      state = .settled(channel)
      return waiter
    }
    waiter?.resume(returning: channel)
  }

  /// Waits for it; one task may.
  func settled() async -> Channel? {
    await withUnsafeContinuation { continuation in
      let settled: Channel?? = state.withLock { state in
        guard case .settled(let channel) = state else {
          state = .open(waiter: continuation)
          return nil
        }
        return .some(channel)
      }
      if let settled { continuation.resume(returning: settled) }
    }
  }
}
