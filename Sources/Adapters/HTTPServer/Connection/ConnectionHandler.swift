import NIOCore
import NIOHTTP1
import NIOHTTPTypes
import NIOHTTPTypesHTTP1

/// Knows what a connection is doing: one request at a time, which it hands to Hummingbird, or, where it is one for a
/// completion, to ``CompletionCalls``.
///
/// What comes behind a request that is being answered waits here. The connection is closed when it is idle too long, and when
/// the server is told to stop, as soon as it is between requests.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias InboundOut = HTTPServerRequestPart
  typealias OutboundIn = HTTPServerResponsePart
  typealias OutboundOut = HTTPServerResponsePart

  /// The most bytes of a body, or of what comes behind a request, that are read before somebody wants them.
  static let readAhead = 64 << 10

  private enum State {
    /// Between requests.
    case idle
    /// Hummingbird answers. Both have to end before the next.
    case passing(isRequestOver: Bool, isResponseOver: Bool)
    /// A completion's body comes in, or it is being answered.
    case completing(CompletionExchange)
    /// Nothing more is read or answered.
    case over
  }

  /// Whether Hummingbird answers those requests that are not for completions.
  private var isAttached = false
  private let owner: ConnectionChannel

  private var state = State.idle
  private var waiting = CircularBuffer<HTTPServerRequestPart>()
  private var waitingBytes = 0
  private var hasHeldRead = false
  private var isStopping = false
  /// The client has closed its side of the connection.
  private var hasClientLeft = false
  /// Whoever wants to know that the client leaves before it has its answer.
  private var onLeaving: (@Sendable () -> Void)?
  /// The bytes that came behind what the parser has refused; they are read over, so that its sender comes to the answer.
  private var refusedBytes = 0
  private var lastSeen = NIODeadline.now()
  private var idleTimer: Scheduled<Void>?

  /// Makes the handler of a connection that is open.
  init(of owner: ConnectionChannel) { self.owner = owner }

  private var idleTime: TimeAmount { .seconds(owner.limits.idleSeconds) }

  // What comes in

  func channelActive(context: ChannelHandlerContext) {
    watchIdleness(context, for: idleTime)
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    lastSeen = .now()
    take(unwrapInboundIn(data), context)
  }

  private func take(_ part: HTTPServerRequestPart, _ context: ChannelHandlerContext) {
    switch (state, part) {
    case (.idle, .head(let head)):
      if let exchange = owner.completions?.exchange(for: head, on: context, in: self) {
        state = .completing(exchange)
        exchange.begin()
      } else {
        state = .passing(isRequestOver: false, isResponseOver: false)
        attach(context)
        context.fireChannelRead(wrapInboundOut(part))
      }
    case (.passing(false, let isResponseOver), .body), (.passing(false, let isResponseOver), .end):
      context.fireChannelRead(wrapInboundOut(part))
      if case .end = part { passed(isRequestOver: true, isResponseOver: isResponseOver, context) }
    case (.completing(let exchange), .body(let bytes)) where !exchange.isBodyOver: exchange.take(bytes)
    case (.completing(let exchange), .end) where !exchange.isBodyOver: exchange.endBody()
    case (.over, _): break
    default:
      waiting.append(part)
      if case .body(let bytes) = part { waitingBytes += bytes.readableBytes } else { waitingBytes += 256 }
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if isAttached { context.fireChannelReadComplete() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    if case .dataReceivedInErrorState(_, let bytes)? = error as? ByteToMessageDecoderError {
      refusedBytes += bytes.readableBytes
      if refusedBytes > owner.limits.drainedBody { context.close(promise: nil) }
      return
    }
    guard error is HTTPParserError else {
      if isAttached { context.fireErrorCaught(error) }
      context.close(promise: nil)
      return
    }
    switch state {
    case .idle:
      // What is no request is refused in the words of every other refusal.
      state = .passing(isRequestOver: true, isResponseOver: false)
      attach(context)
      context.fireErrorCaught(error)
    case .passing: context.fireErrorCaught(error)
    case .completing(let exchange) where exchange.isBodyOver: isStopping = true
    case .completing, .over: context.close(promise: nil)
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    switch event {
    case is ChannelShouldQuiesceEvent:
      isStopping = true
      if case .idle = state { context.close(promise: nil) }
    case ChannelEvent.inputClosed:
      clientLeft()
      // Who has closed its half of the connection waits for no answer.
      switch state {
      case .completing, .idle: context.close(promise: nil)
      case .passing, .over: context.fireUserInboundEventTriggered(event)
      }
    default: context.fireUserInboundEventTriggered(event)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if case .completing(let exchange) = state, context.channel.isWritable { exchange.becameWritable() }
    context.fireChannelWritabilityChanged()
  }

  func channelInactive(context: ChannelHandlerContext) {
    end(context)
    context.fireChannelInactive()
  }

  func handlerRemoved(context: ChannelHandlerContext) { end(context) }

  private func clientLeft() {
    hasClientLeft = true
    let told = onLeaving
    onLeaving = nil
    told?()
  }

  /// Has somebody told, once, when the client closes its side of the connection before its request is answered; at once where
  /// it has done so already.
  ///
  /// Hummingbird asks for what comes behind a request while it answers it, so that its end is seen.
  func watchClient(_ onLeaving: @escaping @Sendable () -> Void) {
    if hasClientLeft { onLeaving() } else { self.onLeaving = onLeaving }
  }

  private func end(_ context: ChannelHandlerContext) {
    let last = state
    state = .over
    clientLeft()
    waiting = []
    idleTimer?.cancel()
    idleTimer = nil
    if case .completing(let exchange) = last { exchange.abandon() }
    owner.open.closed(context.channel)
  }

  // What goes out

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    guard case .end = unwrapOutboundIn(data), case .passing(let isRequestOver, _) = state else {
      return context.write(data, promise: promise)
    }
    context.write(data, promise: promise)
    lastSeen = .now()
    passed(isRequestOver: isRequestOver, isResponseOver: true, context)
  }

  func read(context: ChannelHandlerContext) {
    if mayRead { context.read() } else { hasHeldRead = true }
  }

  private var mayRead: Bool {
    if case .completing(let exchange) = state, exchange.isFull { return false }
    return waitingBytes <= Self.readAhead
  }

  /// Reads on where that was held back and need not be any more.
  func readOn(_ context: ChannelHandlerContext) {
    guard hasHeldRead, mayRead else { return }
    hasHeldRead = false
    context.read()
  }

  // From one request to the next

  private func passed(isRequestOver: Bool, isResponseOver: Bool, _ context: ChannelHandlerContext) {
    state = .passing(isRequestOver: isRequestOver, isResponseOver: isResponseOver)
    // The request may end within the flush of its response: what follows it is taken up when this has returned.
    if isRequestOver, isResponseOver { next(context, closing: false) }
  }

  /// A completion was answered.
  func completed(_ context: ChannelHandlerContext, closing: Bool) {
    guard case .completing = state else { return }
    lastSeen = .now()
    next(context, closing: closing)
  }

  private func next(_ context: ChannelHandlerContext, closing: Bool) {
    state = .idle
    onLeaving = nil
    if closing || isStopping {
      state = .over
      context.flush()
      context.close(promise: nil)
      return
    }
    while let part = waiting.first, takes(part) {
      waiting.removeFirst()
      if case .body(let bytes) = part { waitingBytes -= bytes.readableBytes } else { waitingBytes -= 256 }
      take(part, context)
    }
    // Hummingbird takes what came when all of it has.
    if isAttached { context.fireChannelReadComplete() }
    readOn(context)
  }

  /// Whether it is the turn of a part that has waited.
  private func takes(_ part: HTTPServerRequestPart) -> Bool {
    switch (state, part) {
    case (.idle, .head), (.passing(false, _), _): true
    case (.completing(let exchange), .body), (.completing(let exchange), .end): !exchange.isBodyOver
    case (.idle, _), (.passing, _), (.completing, _), (.over, _): false
    }
  }

  /// Adds what Hummingbird needs.
  private func attach(_ context: ChannelHandlerContext) {
    guard !isAttached else { return }
    isAttached = true
    do {
      let pipeline = context.pipeline.syncOperations
      try pipeline.addHandlers(HTTP1ToHTTPServerCodec(secure: false), ParserRefusals())
      owner.serve(
        try NIOAsyncChannel(
          wrappingChannelSynchronously: context.channel, configuration: .init(isOutboundHalfClosureEnabled: true)))
    } catch {
      context.close(promise: nil)
    }
  }

  // Idleness

  private func watchIdleness(_ context: ChannelHandlerContext, for time: TimeAmount) {
    idleTimer = context.eventLoop.assumeIsolated().scheduleTask(in: time) { [weak self] in
      self?.checkIdleness(context)
    }
  }

  private func checkIdleness(_ context: ChannelHandlerContext) {
    idleTimer = nil
    let isWaitingForUs =
      switch state {
      case .passing(let isRequestOver, _): isRequestOver
      case .completing(let exchange): exchange.isBodyOver && !exchange.isStalled(for: idleTime)
      case .idle, .over: false
      }
    if isWaitingForUs { return watchIdleness(context, for: idleTime) }
    let rest = lastSeen + idleTime - .now()
    if rest > .zero { watchIdleness(context, for: rest) } else { context.close(promise: nil) }
  }
}
