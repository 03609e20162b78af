import Contract
import HTTPTypes
import Hummingbird
import HummingbirdCore
import NIOCore
import Synchronization

/// A stream of server-sent events (HTML Living Standard §9.2) on one response.
struct EventStream: MessageStream {
  let wire: RESTMessage
  /// How long the stream may be silent before a comment keeps it alive.
  let keepAliveInterval: Duration
  private let response: StreamedResponse
  /// The id of the last event that was sent, by the one task that produces them, or before on the stream that is taken
  /// up.
  private let count: Counter

  private final class Counter: Sendable {
    private let value: Mutex<Int>
    init(_ value: Int) { self.value = Mutex(value) }
    func next() -> Int {
      value.withLock { value in
        value += 1
        return value
      }
    }
  }

  /// Makes a stream on a response; `headers` go out with its head.
  init(
    _ wire: RESTMessage, on response: consuming ResponseWriter, headers: HTTPFields, keepAliveInterval: Duration
  ) {
    self.wire = wire
    self.keepAliveInterval = keepAliveInterval
    count = Counter(wire.lastEventID)
    self.response = StreamedResponse(eventsOn: response, headers: headers)
  }

  func check() throws {
    guard wire.head.accepts("text/event-stream") else {
      throw HTTPRefusal.notAcceptable("this path answers with text/event-stream")
    }
  }

  func read(from body: inout BodyReader) async throws -> IncomingMessage { try await wire.read(from: &body) }

  func send(_ message: OutgoingMessage) async throws {
    guard let event = (message.message as? any StreamEvent)?.namedEvent else { return }
    try await send(event.name, id: count.next(), data: OutgoingMessage(event.payload).encoded(as: .json))
  }

  /// Sends an event, and returns when the connection has taken it.
  private func send(_ name: String, id: Int?, data: [UInt8]) async throws {
    var buffer = ByteBuffer()
    buffer.reserveCapacity(data.count + 64)
    if let id { buffer.writeString("id: \(id)\n") }
    buffer.writeString("event: \(name)\ndata: ")
    // JSON as it is written here has no line breaks, which would need a `data:` of their own.
    buffer.writeBytes(data)
    buffer.writeString("\n\n")
    try await response.send(buffer)
  }

  func finish() async throws { try await response.finish() }

  func fail(_ error: any Error) async throws -> CallOutcome {
    let answer = Answer(any: error)
    if response.isOpen {
      // The status is gone: an event of its own says what happened. (A failed answer of a model is no such case: it
      // is the event `failed` of its stream.) Without an id: a stream that can be taken up goes on behind the last event.
      try await send("error", id: nil, data: ContractError(any: error).json)
      try await response.finish()
      return CallOutcome(status: 200, diagnosis: answer.diagnosis)
    }
    try await response.answer(with: answer)
    return CallOutcome(status: answer.status.code, diagnosis: answer.diagnosis)
  }

  func accompany(_ call: @escaping @Sendable () async throws -> Void) async throws {
    try await response.keepAlive(every: keepAliveInterval, call)
  }
}
