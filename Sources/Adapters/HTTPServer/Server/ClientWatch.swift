import NIOCore

/// Notices that a client closes its side of the connection while it waits for an answer that is whole at once.
///
/// It reads nothing by itself: by then Hummingbird has asked the connection for what comes behind the request, so that
/// its end is seen at once, and the connection can go on to be used afterwards.
final class ClientWatch: ChannelInboundHandler, RemovableChannelHandler, Sendable {
  typealias InboundIn = Any

  private let onLeaving: @Sendable () -> Void

  private init(onLeaving: @escaping @Sendable () -> Void) { self.onLeaving = onLeaving }

  /// Watches a connection while `body` runs.
  ///
  /// - Parameter onLeaving: told, more than once perhaps, that the client has closed its side; a client that had closed it
  ///   before the watch began is not noticed, unless the connection is closed as a whole.
  static func watching<Value>(
    _ channel: any Channel, onLeaving: @escaping @Sendable () -> Void, _ body: () async throws -> Value
  ) async throws -> Value {
    let watch = ClientWatch(onLeaving: onLeaving)
    do {
      // First, so that it sees what happens before anybody else makes something of it.
      try await channel.pipeline.addHandler(watch, position: .first).get()
      if !channel.isActive { onLeaving() }
    } catch {
      // A closed connection takes no handler.
      onLeaving()
    }
    // One that has closed meanwhile has removed it already.
    defer { channel.pipeline.removeHandler(watch, promise: nil) }
    return try await body()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .inputClosed? = event as? ChannelEvent { onLeaving() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    onLeaving()
    context.fireChannelInactive()
  }
}
