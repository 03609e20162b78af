import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// An HTTP/1.1 server on 127.0.0.1 that answers each request by a script, and remembers what came and what closed.
final class LoopbackHTTPServer: Sendable {
  struct Request: Sendable {
    let method: HTTPMethod
    let uri: String
    let headers: HTTPHeaders
    let body: [UInt8]
  }

  enum Step: Sendable {
    /// The status line and headers; without `content-length` the body is chunked.
    case head(HTTPResponseStatus, HTTPHeaders = ["content-type": "text/event-stream"])
    /// A part of the body, as a chunk of its own.
    case bytes([UInt8])
    /// The same bytes many times, only as fast as they are taken.
    case flood([UInt8], times: Int)
    /// The next step comes later.
    case pause(TimeAmount)
    /// The body is over.
    case end
    /// The connection is cut.
    case close

    static func text(_ text: String) -> Step { .bytes(Array(text.utf8)) }
  }

  struct Record: Sendable {
    var requests: [Request] = []
    var opened = 0
    var closed = 0
    /// Parts of floods that were written.
    var flooded = 0
    /// Answers that were written to their end.
    var ended = 0
  }

  fileprivate let record = Mutex(Record())
  private let answer: @Sendable (Request) -> [Step]
  private let channel = Mutex<(any Channel)?>(nil)

  private init(_ answer: @escaping @Sendable (Request) -> [Step]) { self.answer = answer }

  var state: Record { record.withLock { $0 } }
  var port: Int { channel.withLock { $0?.localAddress?.port ?? 0 } }
  var baseURL: String { "http://127.0.0.1:\(port)/v1" }

  /// Runs a server for the time of `body`.
  static func run<Value>(
    _ answer: @escaping @Sendable (Request) -> [Step], body: (LoopbackHTTPServer) async throws -> Value
  ) async throws -> Value {
    let server = LoopbackHTTPServer(answer)
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          // Without the pipelining assistance, which does not read, and so sees no close, while an answer is written.
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
          try channel.pipeline.syncOperations.addHandler(ScriptHandler(server: server, answer: server.answer))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    server.channel.withLock { $0 = channel }
    let result: Result<Value, any Error>
    do { result = .success(try await body(server)) } catch { result = .failure(error) }
    try await channel.close()
    return try result.get()
  }

  /// Waits until something holds of what was seen, for at most ten seconds.
  func wait(until holds: (Record) -> Bool) async throws -> Bool {
    for _ in 0..<1_000 {
      if holds(state) { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return holds(state)
  }
}

private final class ScriptHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let server: LoopbackHTTPServer
  private let answer: @Sendable (LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step]
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []
  private var steps: [LoopbackHTTPServer.Step] = []
  private var isOpen = false

  init(
    server: LoopbackHTTPServer, answer: @escaping @Sendable (LoopbackHTTPServer.Request) -> [LoopbackHTTPServer.Step]
  ) {
    self.server = server
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    isOpen = true
    server.record.withLock { $0.opened += 1 }
  }

  func channelInactive(context: ChannelHandlerContext) {
    isOpen = false
    server.record.withLock { $0.closed += 1 }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body = []
    case .body(let part): body += part.readableBytesView
    case .end:
      guard let head else { return }
      let request = LoopbackHTTPServer.Request(method: head.method, uri: head.uri, headers: head.headers, body: body)
      server.record.withLock { $0.requests.append(request) }
      steps = answer(request)
      runSteps(context)
    }
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    if context.channel.isWritable { runSteps(context) }
  }

  private func runSteps(_ context: ChannelHandlerContext) {
    while isOpen, context.channel.isWritable, let step = steps.first {
      steps.removeFirst()
      switch step {
      case .head(let status, let headers):
        let head = HTTPResponseHead(version: .http1_1, status: status, headers: headers)
        context.writeAndFlush(wrapOutboundOut(.head(head)), promise: nil)
      case .bytes(let bytes):
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
      case .flood(let bytes, let times):
        guard times > 0 else { continue }
        steps.insert(.flood(bytes, times: times - 1), at: 0)
        server.record.withLock { $0.flooded += 1 }
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil)
      case .pause(let time):
        let (rest, bound) = (steps, NIOLoopBound((self, context), eventLoop: context.eventLoop))
        steps = []
        context.eventLoop.scheduleTask(in: time) {
          let (handler, context) = bound.value
          handler.steps = rest
          handler.runSteps(context)
        }
      case .end:
        server.record.withLock { $0.ended += 1 }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      case .close:
        context.close(promise: nil)
      }
    }
  }
}
