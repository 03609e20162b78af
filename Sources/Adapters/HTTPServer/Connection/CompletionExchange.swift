import Domain
import HTTPTypes
import NIOCore
import NIOHTTP1

/// One request for a completion on its connection: its body, and the answer, written part by part.
///
/// The answer goes out as bytes, each part in one write: the connection's HTTP encoder would make three of it.
///
/// Unchecked: everything that changes is used on the connection's event loop alone. Methods that say so must be called there;
/// the others go there by themselves.
final class CompletionExchange: @unchecked Sendable {
  /// The request was given up: its connection has ended, or the server stops.
  struct Abandoned: Error {}

  let operation: OpenAIOperation
  /// Until ``forgetHead()``.
  private(set) var head: RequestHead
  let method: String
  let remoteAddress: String?
  let start = ContinuousClock.now

  private let calls: CompletionCalls
  private let handler: ConnectionHandler
  private let context: ChannelHandlerContext
  /// Of the HTTP encoder: what is written from here passes it by.
  private let wire: ChannelHandlerContext
  private let channel: any Channel
  private let expectsContinue: Bool
  let hasBody: Bool
  private let isKeptAlive: Bool
  private let isChunked: Bool

  private var task: Task<Void, Never>?
  private var body = ByteBuffer()
  private(set) var isBodyOver = false
  private var bodyLimit: Int?
  private var bodyWaiter: CheckedContinuation<Void, Never>?
  private var isDraining = false
  private var drainedBytes = 0
  private var hasContinued = false
  private var writeWaiter: CheckedContinuation<Void, Never>?
  private var lastWrite = NIODeadline.now()
  private var isAbandoned = false
  private var isCut = false

  init(
    _ operation: OpenAIOperation, _ head: RequestHead, _ http: HTTPRequestHead, calls: CompletionCalls,
    handler: ConnectionHandler, context: ChannelHandlerContext, wire: ChannelHandlerContext
  ) {
    self.operation = operation
    self.head = head
    method = head.method
    expectsContinue = head.expectsContinue
    hasBody = head.hasBody
    self.calls = calls
    self.handler = handler
    self.context = context
    self.wire = wire
    channel = context.channel
    remoteAddress = channel.remoteAddress?.ipAddress
    isKeptAlive = http.isKeepAlive
    isChunked = http.version.major == 1 && http.version.minor > 0
  }

  // What the connection tells, on its event loop

  /// The head is here.
  func begin() { if expectsContinue, hasBody { run() } }

  /// A part of the body is here.
  func take(_ bytes: ByteBuffer) {
    var bytes = bytes
    if isDraining {
      drainedBytes += bytes.readableBytes
      if drainedBytes > calls.limits.drainedBody { resumeBody() }
      return
    }
    if body.readableBytes == 0 { body = bytes } else { body.writeBuffer(&bytes) }
    if task == nil, body.readableBytes > ConnectionHandler.readAhead { run() }
    if let bodyLimit, body.readableBytes > bodyLimit { resumeBody() }
  }

  /// The body is whole.
  func endBody() {
    isBodyOver = true
    if task == nil { run() } else { resumeBody() }
  }

  /// Whether no more of the body is to be read for now.
  var isFull: Bool {
    task != nil && !isBodyOver && !isDraining && bodyWaiter == nil
      && body.readableBytes > ConnectionHandler.readAhead
  }

  /// Whether the client has taken nothing for so long.
  func isStalled(for time: TimeAmount) -> Bool { writeWaiter != nil && .now() - lastWrite >= time }

  /// The client takes more again.
  func becameWritable() {
    let waiter = writeWaiter
    writeWaiter = nil
    waiter?.resume()
  }

  /// The connection has ended.
  func abandon() {
    isAbandoned = true
    calls.keepAlive.end(self)
    body = ByteBuffer()
    task?.cancel()
    resumeBody()
    becameWritable()
  }

  private func run() {
    task = calls.run(self, on: channel.eventLoop)
    if isAbandoned { task?.cancel() }
  }

  private func resumeBody() {
    let waiter = bodyWaiter
    bodyWaiter = nil
    waiter?.resume()
  }

  // What the call asks for, on the event loop

  /// The whole body.
  ///
  /// - Throws: an ``HTTPRefusal`` of 413 as soon as it is longer than the limit, or says that it will be.
  func wholeBody(upTo limit: Int) async throws -> ByteBuffer {
    channel.eventLoop.preconditionInEventLoop()
    if let length = head.contentLength, length > limit { throw HTTPRefusal.tooLarge(limit: limit) }
    if !isBodyOver, expectsContinue, !hasContinued {
      hasContinued = true
      writeNow(ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n"))
    }
    bodyLimit = limit
    while !isBodyOver, !isAbandoned, body.readableBytes <= limit { await bodyHasChanged() }
    if isAbandoned { throw Abandoned() }
    guard body.readableBytes <= limit else { throw HTTPRefusal.tooLarge(limit: limit) }
    // The answer may take long, and nobody reads it again meanwhile.
    defer { body = ByteBuffer() }
    return body
  }

  /// Keeps the head no longer: an answer may take long, and nobody reads the head again meanwhile.
  func forgetHead() { head = .forgotten }

  /// Reads over what is left of the body, so that the client comes to reading the answer.
  func drain() async {
    channel.eventLoop.preconditionInEventLoop()
    // A client that still waits to send its body is not waited for.
    if expectsContinue, hasBody, !hasContinued, !isBodyOver {
      isCut = true
      return
    }
    drainedBytes = body.readableBytes
    body = ByteBuffer()
    isDraining = true
    while !isBodyOver, !isAbandoned, drainedBytes <= calls.limits.drainedBody { await bodyHasChanged() }
    if !isBodyOver { isCut = true }
  }

  private func bodyHasChanged() async {
    await withCheckedContinuation { continuation in
      bodyWaiter = continuation
      handler.readOn(context)
    }
  }

  /// The end of the request: the connection is free for the next, or closed where it cannot be.
  func end(closing: Bool) {
    channel.eventLoop.preconditionInEventLoop()
    calls.keepAlive.end(self)
    body = ByteBuffer()
    if !isAbandoned { handler.completed(context, closing: closing || !isKeptAlive || isCut) }
  }

  // The answer, from anywhere

  /// What ends the body of a stream.
  var streamEnd: StaticString { isChunked ? "0\r\n\r\n" : "" }

  /// The head of an answer, in bytes.
  ///
  /// - Parameters:
  ///   - own: the header fields of this answer.
  ///   - length: of the body, which is to be written behind it; `nil` for a stream.
  func headBytes(_ status: Int, _ headers: CompletionHeaders, own: HTTPFields, length: Int?) -> ByteBuffer {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(768 + (length ?? 256))
    buffer.writeStaticString("HTTP/1.1 ")
    buffer.writeString(String(status))
    buffer.writeStaticString(" ")
    buffer.writeString(HTTPResponseStatus(statusCode: status).reasonPhrase)
    buffer.writeStaticString("\r\n")
    headers.write(own, to: &buffer)
    if let length {
      buffer.writeStaticString("content-length: ")
      buffer.writeString(String(length))
      buffer.writeStaticString("\r\n")
    } else if isChunked {
      buffer.writeStaticString("transfer-encoding: chunked\r\n")
    }
    if !isKeptAlive || (length == nil && !isChunked) || isCut {
      buffer.writeStaticString("connection: close\r\n")
    } else if !isChunked {
      buffer.writeStaticString("connection: keep-alive\r\n")
    }
    buffer.writeStaticString("\r\n")
    return buffer
  }

  /// Adds a part of a stream's body to bytes that are to be sent.
  ///
  /// - Parameter write: writes the part behind what is there, and nothing else.
  func addPart(to buffer: inout ByteBuffer, _ write: (inout ByteBuffer) -> Void) {
    guard isChunked else { return write(&buffer) }
    // The length stands before the part, and is known behind it: RFC 9112 §7.1 allows leading zeros.
    let place = buffer.writerIndex
    buffer.writeStaticString("00000000\r\n")
    let start = buffer.writerIndex
    write(&buffer)
    var length = UInt32(buffer.writerIndex - start)
    for digit in (0..<8).reversed() {
      buffer.setInteger(UInt8(hexadecimalDigit: UInt8(length & 15)), at: place + digit)
      length >>= 4
    }
    buffer.writeStaticString("\r\n")
  }

  /// Sends bytes, and returns when the connection takes more.
  ///
  /// - Throws: ``Abandoned``.
  func send(_ bytes: ByteBuffer) async throws {
    let isReady =
      if let isReady = try sendNow(bytes) { isReady } else {
        try await channel.eventLoop.submit { [self] in try sendNow(bytes) ?? false }.get()
      }
    if !isReady { try await untilReady() }
  }

  /// Sends bytes at once, where the caller is on the connection's event loop.
  ///
  /// - Returns: whether the connection takes more; `nil` anywhere else, where nothing was sent.
  /// - Throws: ``Abandoned``.
  func sendNow(_ bytes: ByteBuffer) throws -> Bool? {
    guard channel.eventLoop.inEventLoop else { return nil }
    guard !isAbandoned else { throw Abandoned() }
    return writeNow(bytes)
  }

  /// Returns when the connection takes more.
  ///
  /// - Throws: ``Abandoned``.
  func untilReady() async throws {
    await untilWritable()
    // Its connection's end cancels it; whether that has come is known on the event loop alone.
    if Task.isCancelled { throw Abandoned() }
  }

  @discardableResult
  private func writeNow(_ bytes: ByteBuffer) -> Bool {
    lastWrite = .now()
    wire.writeAndFlush(NIOAny(bytes), promise: nil)
    return channel.isWritable
  }

  private func untilWritable() async {
    await withCheckedContinuation { continuation in
      channel.eventLoop.execute { [self] in
        if isAbandoned || channel.isWritable { continuation.resume() } else { writeWaiter = continuation }
      }
    }
  }

  /// From now on sends comments while the stream is silent, so that nobody on the way takes it for dead.
  func keepAlive() { calls.keepAlive.begin(self, on: channel.eventLoop) }

  /// Sends a comment where nothing was sent for so long. On the event loop.
  func beat(after silence: TimeAmount) {
    guard !isAbandoned, writeWaiter == nil, .now() - lastWrite >= silence else { return }
    var bytes = ByteBuffer()
    addPart(to: &bytes) { $0.writeStaticString(": keep-alive\n\n") }
    writeNow(bytes)
  }
}
