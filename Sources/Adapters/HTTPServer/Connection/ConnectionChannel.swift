import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Sets up each connection: completions are answered on it by channel handlers, all else by Hummingbird.
///
/// What Hummingbird needs is added to a connection when it gets its first request: one that only ever asks for completions
/// has no more than its handler.
struct ConnectionChannel: HTTPChannelHandler {
  /// Nothing: a connection looks after itself.
  struct Value: ServerChildChannelValue {
    let channel: any Channel
  }

  let responder: HTTPChannelHandler.Responder
  /// Answers completions; `nil` where they are not served.
  let completions: CompletionCalls?
  let limits: HTTPLimits
  let open: OpenConnections

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
      open.opened(channel)
      try pipeline.addHandler(
        ConnectionHandler(completions: completions, limits: limits, open: open) { [self] in serve($0, logger) })
      return Value(channel: channel)
    }
  }

  /// Returns at once.
  func handle(value: Value, logger: Logger) async {}

  /// Has Hummingbird answer the requests of a connection.
  private func serve(_ connection: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>, _ logger: Logger) {
    open.serve(connection.channel) { await handleHTTP(asyncChannel: connection, logger: logger) }
  }
}
