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
    /// Fails when the connection ends before Hummingbird was needed.
    let attached: EventLoopFuture<NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>>
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
        .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 64, initial: 1_024, maximum: 65_536))
      let pipeline = channel.pipeline.syncOperations
      try pipeline.configureHTTPServerPipeline(
        withPipeliningAssistance: false, withErrorHandling: false, withOutboundHeaderValidation: false,
        withEncoderConfiguration: .init(), withDecoderLimitConfiguration: decoder)
      let handler = ConnectionHandler(channel, completions: completions, limits: limits)
      try pipeline.addHandler(handler)
      return Value(channel: channel, attached: handler.attached)
    }
  }

  func handle(value: Value, logger: Logger) async {
    // It fails where the connection has ended, and there is nothing to answer.
    guard let channel = try? await value.attached.get() else { return }
    await serve(channel, logger: logger)
  }

  /// Has Hummingbird answer. A function of its own, never inlined: what it needs is kept by every connection that waits
  /// otherwise, and most that ask for completions wait until their end.
  @inline(never)
  private func serve(_ channel: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, logger: Logger) async {
    await handleHTTP(asyncChannel: channel, logger: logger)
  }
}
