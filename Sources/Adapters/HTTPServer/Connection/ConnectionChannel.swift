import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import NIOHTTPTypes

/// Sets up each connection: completions are answered on it by channel handlers, all else by Hummingbird.
///
/// What Hummingbird needs is added to a connection when it gets its first request: one that only ever asks for completions
/// has no more than its handler.
///
/// A class: of so many settings together each connection would hold a copy.
final class ConnectionChannel: HTTPChannelHandler {
  /// Nothing: a connection looks after itself.
  struct Value: ServerChildChannelValue {
    let channel: any Channel
  }

  let responder: HTTPChannelHandler.Responder
  /// Answers completions; `nil` where they are not served.
  let completions: CompletionCalls?
  let limits: HTTPLimits
  let open: OpenConnections
  private let logger: Logger

  init(
    completions: CompletionCalls?, limits: HTTPLimits, open: OpenConnections, logger: Logger,
    responder: @escaping HTTPChannelHandler.Responder
  ) {
    self.completions = completions
    self.limits = limits
    self.open = open
    self.logger = logger
    self.responder = responder
  }

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
      try pipeline.addHandler(ConnectionHandler(of: self))
      return Value(channel: channel)
    }
  }

  /// Returns at once.
  func handle(value: Value, logger: Logger) async {}

  /// Has Hummingbird answer the requests of a connection until it ends.
  func serve(_ connection: NIOAsyncChannel<HTTPRequestPart, HTTPResponsePart>) {
    open.serve(connection.channel) { [self] in await handleHTTP(asyncChannel: connection, logger: logger) }
  }
}
