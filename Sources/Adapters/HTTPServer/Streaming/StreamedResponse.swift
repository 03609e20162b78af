import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Synchronization

/// A response that is written part by part.
///
/// The head is sent with the first part, so that a call that fails before it is still answered with its status.
///
/// Unchecked: `response` is used by the task that produces parts alone, and so is `body` until `isOpen` is set under
/// the lock; from then on `body` never changes. What it holds is Hummingbird's writer around NIO's outbound writer,
/// which takes writes of several tasks; each write is a whole part.
final class StreamedResponse: @unchecked Sendable {
  private struct State {
    var isOpen = false
    var lastWrite = ContinuousClock.now
  }

  private var response: ResponseWriter?
  private var body: (any ResponseBodyWriter)?
  private let headers: HTTPFields
  private let state = Mutex(State())

  /// Makes a stream on a response; `headers` go out with its head.
  init(on response: consuming ResponseWriter, headers: HTTPFields) {
    self.response = consume response
    var headers = headers
    // Once the request is watched for the client's leaving, the connection cannot be used again.
    headers[.connection] = "close"
    self.headers = headers
  }

  /// Makes a stream of server-sent events on a response.
  convenience init(eventsOn response: consuming ResponseWriter, headers: HTTPFields) {
    var headers = headers
    headers[.contentType] = "text/event-stream"
    headers[.cacheControl] = "no-cache"
    // A proxy that collects the parts would keep them from the reader.
    headers[.accelBuffering] = "no"
    self.init(on: response, headers: headers)
  }

  /// Whether the head has been sent.
  var isOpen: Bool { state.withLock { $0.isOpen } }

  /// Sends a part, and returns when the connection has taken it.
  func send(_ part: ByteBuffer) async throws {
    if body == nil, let response = response.take() {
      body = try await response.writeHead(HTTPResponse(status: .ok, headerFields: headers))
      try await write(part)
      state.withLock { $0.isOpen = true }
    } else {
      try await write(part)
    }
  }

  /// Sends a part if nothing was sent for so long; never the first.
  func send(_ part: ByteBuffer, after silence: Duration) async throws {
    let isDue = state.withLock { $0.isOpen && ContinuousClock.now - $0.lastWrite >= silence }
    if isDue { try await write(part) }
  }

  /// Ends the stream, which may have no part.
  func finish() async throws {
    if body == nil { try await send(ByteBuffer()) }
    guard let body else { return }
    try await body.finish(nil)
  }

  /// Answers with something whole, while no part has been sent.
  func answer(with answer: Answer) async throws {
    guard let response = response.take() else { return }
    var headers = headers
    // What only a stream has.
    headers[.accelBuffering] = nil
    for field in answer.headers { headers[field.name] = field.value }
    headers[.contentLength] = String(answer.body.readableBytes)
    try await response.write(
      response: HTTPResponse(status: answer.status, headerFields: headers), body: ResponseBody(byteBuffer: answer.body))
  }

  /// Runs a call, and sends comments while the stream that it has begun is silent.
  func keepAlive(every interval: Duration, _ call: @escaping @Sendable () async throws -> Void) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      // The pulse looks four times an interval, so that no silence is much longer than it.
      group.addTask { [self] in
        while true {
          try await Task.sleep(for: interval / 4)
          try await send(ByteBuffer(string: ": keep-alive\n\n"), after: interval * 3 / 4)
        }
      }
      defer { group.cancelAll() }
      try await call()
    }
  }

  private func write(_ buffer: ByteBuffer) async throws {
    guard var writer = body else { return }
    try await writer.write(buffer)
    state.withLock { $0.lastWrite = .now }
  }
}
