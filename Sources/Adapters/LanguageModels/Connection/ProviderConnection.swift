import NIOCore
import NIOHTTP1
import NIOTLS
import Synchronization

/// One connection to a provider: one call at a time.
///
/// Unchecked: what changes is used on the connection's event loop alone, but for the channel, which is set once before
/// anybody else knows the connection.
final class ProviderConnection: ChannelDuplexHandler, @unchecked Sendable {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundIn = HTTPClientRequestPart
  typealias OutboundOut = HTTPClientRequestPart

  private enum State {
    /// Not yet connected, or its TLS handshake goes on.
    case opening
    case idle(since: NIODeadline)
    case busy(ProviderExchange)
    /// Its reader has all that it wanted; the rest of the answer is read over.
    case draining(left: Int)
    case over
  }

  /// The most bytes of an answer that are read over so that the connection can be kept, and for how long.
  private static let drainedBytes = 64 << 10
  private static let drainTime = TimeAmount.seconds(1)

  private(set) var channel: (any Channel)?
  private let pool: ProviderConnections
  private var context: ChannelHandlerContext?
  private var opening: EventLoopPromise<Void>?
  private var state = State.opening
  private var isKeptAlive = true
  private var hasHeldRead = false
  private var idleTimer: Scheduled<Void>?
  private var drainTimer: Scheduled<Void>?

  /// Makes one that is yet to be connected.
  init(pool: ProviderConnections) { self.pool = pool }

  /// When it can be used: where it is encrypted, behind the handshake. Asked once it is in its pipeline, on its event loop.
  func ready(on eventLoop: any EventLoop) -> EventLoopFuture<Void> {
    opening?.futureResult ?? eventLoop.makeSucceededVoidFuture()
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    channel = context.channel
    if pool.address.isTLS { opening = context.eventLoop.makePromise() } else { state = .idle(since: .now()) }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case TLSUserEvent.handshakeCompleted = event {
      state = .idle(since: .now())
      opening?.succeed()
    }
    context.fireUserInboundEventTriggered(event)
  }

  // Calls

  /// Sends the request of a call. From anywhere.
  func start(_ exchange: ProviderExchange, _ request: ProviderRequest) {
    guard let channel else { return exchange.fail(ProviderConnections.Failure.closed) }
    if channel.eventLoop.inEventLoop {
      begin(exchange, request)
    } else {
      channel.eventLoop.execute { self.begin(exchange, request) }
    }
  }

  private func begin(_ exchange: ProviderExchange, _ request: ProviderRequest) {
    guard let context, case .idle = state else { return exchange.fail(ProviderConnections.Failure.closed) }
    guard exchange.isWanted else {
      // It was cancelled before anything was sent.
      release(context)
      return
    }
    state = .busy(exchange)
    exchange.connection = self
    // Whoever cancels it looks for the connection behind that: one of the two sees the other.
    guard exchange.isWanted else { return close() }
    isKeptAlive = true
    context.write(wrapOutboundOut(.head(request.head)), promise: nil)
    if request.body.readableBytes > 0 {
      context.write(wrapOutboundOut(.body(.byteBuffer(request.body))), promise: nil)
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    let part = unwrapInboundIn(data)
    switch (state, part) {
    case (.busy(let exchange), .head(let head)):
      // What goes before the answer, such as 100 or 103, is none.
      guard head.status.code >= 200 else { return }
      isKeptAlive = head.isKeepAlive
      exchange.take(head)
    case (.busy(let exchange), .body(let bytes)): exchange.take(bytes)
    case (.busy(let exchange), .end):
      release(context)
      exchange.end()
    case (.draining(let left), .body(let bytes)):
      state = .draining(left: left - bytes.readableBytes)
      if left < bytes.readableBytes { close() }
    case (.draining, .end): release(context)
    case (.draining, .head): break
    case (.opening, _), (.idle, _): close()
    case (.over, _): break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if case .busy(let exchange) = state { exchange.readComplete() }
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) {
    if case .busy(let exchange) = state, exchange.holdsRead() { hasHeldRead = true } else { context.read() }
  }

  /// The reader has caught up. From anywhere.
  func readOn() {
    guard let channel else { return }
    if channel.eventLoop.inEventLoop { readOnNow() } else { channel.eventLoop.execute { self.readOnNow() } }
  }

  private func readOnNow() {
    guard hasHeldRead, let context else { return }
    hasHeldRead = false
    context.read()
  }

  /// The reader of a call wants no more of it. From anywhere.
  ///
  /// - Parameter closing: whether the provider is to notice at once.
  func leave(_ exchange: ProviderExchange, closing: Bool) {
    guard let channel else { return }
    if channel.eventLoop.inEventLoop {
      leaveNow(exchange, closing: closing)
    } else {
      channel.eventLoop.execute { self.leaveNow(exchange, closing: closing) }
    }
  }

  private func leaveNow(_ exchange: ProviderExchange, closing: Bool) {
    guard case .busy(let current) = state, current === exchange, let context else { return }
    guard !closing, isKeptAlive else { return close() }
    state = .draining(left: Self.drainedBytes)
    drainTimer = context.eventLoop.scheduleTask(in: Self.drainTime) {
      if case .draining = self.state { self.close() }
    }
    readOnNow()
  }

  // Keeping and closing

  private func release(_ context: ChannelHandlerContext) {
    drainTimer?.cancel()
    drainTimer = nil
    state = .idle(since: .now())
    guard isKeptAlive, context.channel.isActive, pool.keep(self, on: context.eventLoop) else { return close() }
    if idleTimer == nil { watchIdleness(context, for: ProviderConnections.idleTime) }
    readOnNow()
  }

  private func watchIdleness(_ context: ChannelHandlerContext, for time: TimeAmount) {
    let eventLoop = context.eventLoop
    idleTimer = eventLoop.scheduleTask(in: time) {
      self.idleTimer = nil
      guard case .idle(let since) = self.state else { return self.watchIdlenessAgain(ProviderConnections.idleTime) }
      let rest = since + ProviderConnections.idleTime - .now()
      if rest > .zero { return self.watchIdlenessAgain(rest) }
      if self.pool.withdraw(self, on: eventLoop) { self.close() }
    }
  }

  private func watchIdlenessAgain(_ time: TimeAmount) {
    if let context { watchIdleness(context, for: time) }
  }

  /// Closes it. On its event loop, or before it is connected.
  func close() {
    opening?.fail(ProviderConnections.Failure.closed)
    opening = nil
    channel?.close(promise: nil)
  }

  /// Closes it, and returns when it is closed.
  func closed() async {
    // It fails where the connection is closed already.
    try? await channel?.close()
    try? await channel?.closeFuture.get()
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // The parser's error for an answer that is cut off is told by the end of the connection, which follows.
    if case .busy(let exchange) = state, (error as? HTTPParserError) != .invalidEOFState { exchange.fail(error) }
    opening?.fail(error)
    opening = nil
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    ended(context)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    ended(context)
    self.context = nil
  }

  private func ended(_ context: ChannelHandlerContext) {
    let last = state
    state = .over
    idleTimer?.cancel()
    drainTimer?.cancel()
    (idleTimer, drainTimer) = (nil, nil)
    opening?.fail(ProviderConnections.Failure.closed)
    opening = nil
    if case .busy(let exchange) = last { exchange.broke() }
    pool.forget(self, on: context.eventLoop)
  }
}
