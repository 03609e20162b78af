import NIOCore

/// Closes a connection that brings nothing for longer than a client may take to answer a ping.
///
/// The library pings a silent client, but where no answer comes it only says goodbye and waits for an answer to that.
final class SilenceLimit: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer

  /// Puts the limit before all that a connection's channel has.
  static func apply(to channel: any Channel, _ keepalive: GRPCServerConfiguration.Keepalive) throws {
    // A moment more, so that the library's goodbye is sent first.
    let limit = TimeAmount(keepalive.interval + keepalive.timeout + .milliseconds(100))
    try channel.pipeline.syncOperations.addHandlers(
      [IdleStateHandler(readTimeout: limit), SilenceLimit()], position: .first)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case IdleStateHandler.IdleStateEvent.read = event {
      context.close(promise: nil)
    } else {
      context.fireUserInboundEventTriggered(event)
    }
  }
}
