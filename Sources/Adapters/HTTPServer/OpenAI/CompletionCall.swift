import Application
import Contract
import Domain
import FoundationEssentials
import HTTPTypes
import JSONValues
import NIOCore
import ServiceContextModule
import Synchronization

/// Answers a chat completion or a completion, whole or as a stream of server-sent events.
///
/// The task of the model is cancelled as soon as the client closes the connection, also where it waits for a whole answer.
/// A stream's head is sent with the first text, so that a model that fails before it is still answered with a status, which
/// clients try again; a failure behind it is an event with `error`.
///
/// It runs on its connection's event loop; what takes long there (a large body, finding passages) goes elsewhere.
///
/// A class, so that where it waits it holds no more of itself than a reference. What is done before the long wait and behind
/// it stands in functions of its own, never inlined: what they need would be kept while the call waits.
final class CompletionCall: Sendable {
  private let api: OpenAIAPI
  let context: CallContext
  private let exchange: CompletionExchange
  private let headers: CompletionHeaders
  private let stream: CompletionStream

  /// - Parameters:
  ///   - context: of the call.
  ///   - headers: those of every answer to it.
  init(
    _ exchange: CompletionExchange, api: OpenAIAPI, context: CallContext, headers: CompletionHeaders
  ) {
    self.api = api
    self.context = context
    self.exchange = exchange
    self.headers = headers
    stream = CompletionStream(exchange, headers: headers)
  }

  /// Answers.
  ///
  /// - Parameter trace: where the call stands in a trace.
  func run(in trace: ServiceContext) async -> CallOutcome {
    do {
      try await ServiceContext.withValue(trace) {
        let request = try await admitted()
        if request.isStream { try await self.stream(request) } else { try await whole(request) }
      }
      return CallOutcome(status: 200)
    } catch {
      return await failed(error)
    }
  }

  @inline(never)
  private func admitted() async throws -> Completion {
    try await api.admit(exchange.operation, context)
    defer { exchange.forgetHead() }
    return try await request()
  }

  @inline(never)
  private func failed(_ error: any Error) async -> CallOutcome {
    if Task.isCancelled || error is CompletionExchange.Abandoned { return CallOutcome(status: 499) }
    // A client that is still writing reads the answer only then.
    await exchange.drain()
    return await fail(error)
  }

  private struct Completion: Sendable {
    let command: CompleteDialogue.Command
    let isStream: Bool
    let withUsage: Bool
    let answer: CompletionAnswer
  }

  private func request() async throws -> Completion {
    let head = exchange.head
    try ContentType.check(head, is: ["application/json"], unlessEmpty: !exchange.hasBody)
    let body = try await exchange.wholeBody(upTo: api.limits.completionBody)
    guard body.readableBytes > ConnectionHandler.readAhead else { return try request(of: body) }
    return try await elsewhere { try request(of: body) }
  }

  private func request(of body: ByteBuffer) throws -> Completion {
    let origin = origin
    if exchange.operation == .completions {
      let request = try OpenAIRequestReading.read(TextCompletionRequest.self, from: body.readableBytesView)
      return Completion(
        command: try request.command(), isStream: request.stream ?? false,
        withUsage: request.stream_options?.include_usage ?? false,
        answer: CompletionAnswer(.text, model: request.model, origin: origin))
    }
    let request =
      try ChatCompletionRequest.common(body)
      ?? OpenAIRequestReading.read(ChatCompletionRequest.self, from: body.readableBytesView)
    return Completion(
      command: try request.command(), isStream: request.stream ?? false,
      withUsage: request.stream_options?.include_usage ?? false,
      answer: CompletionAnswer(.chat, model: request.model, origin: origin))
  }

  /// This server's address as the client has it, behind a proxy too that says so; empty where the client does not say, so
  /// that addresses are relative.
  private var origin: String {
    let head = exchange.head
    guard let host = head.authority else { return "" }
    return (head[.forwardedProto]?.lowercased() == "https" ? "https://" : "http://") + host
  }

  /// Runs what takes long, so that the event loop can go on with other connections.
  private func elsewhere<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
    try await withTaskExecutorPreference(globalConcurrentExecutor) { try await body() }
  }

  private func complete(
    _ request: Completion, keepsText: Bool, take: @escaping @Sendable (String) throws -> Bool,
    untilReady: @escaping @Sendable () async throws -> Void
  ) async throws -> WholeReply {
    guard let caller = context.principal else { throw ContractError(.unauthenticated, "sign in first") }
    let reply = ReplyInProgress(keepsText: keepsText || request.command.isGrounded)
    let reader = reply.reader(take: take, untilReady: untilReady)
    do {
      if request.command.isGrounded {
        try await completeElsewhere(request.command, caller, reader)
      } else {
        try await api.intelligence.complete(request.command, caller, reader: reader)
      }
    } catch {
      throw Self.told(error, of: request.command)
    }
    guard let whole = reply.whole else { throw ContractError(.internal, "a reply has not ended") }
    return whole
  }

  @inline(never)
  private func completeElsewhere(
    _ command: CompleteDialogue.Command, _ caller: Principal, _ reader: CompletionReader
  ) async throws {
    try await elsewhere { try await api.intelligence.complete(command, caller, reader: reader) }
  }

  private static func told(_ error: any Error, of command: CompleteDialogue.Command) -> any Error {
    switch error {
    // Of all that a completion names only its model can be missing.
    case UseCaseFailure.notFound(let message): OpenAIError.noSuchModel(command.model, message)
    case UseCaseFailure.tooLong(let message):
      OpenAIError.tooLong(message, parameter: command.prompt == nil ? "messages" : "prompt")
    default: error
    }
  }

  private func whole(_ request: Completion) async throws {
    let reply = try await complete(request, keepsText: true) { _ in
      true
    } untilReady: {
    }
    try await send(Answer(json: try request.answer.whole(reply)))
  }

  private func stream(_ request: Completion) async throws {
    let parts = CompletionStream.Parts(
      template: try request.answer.partTemplate(), opening: try request.answer.opening())
    let reply = try await complete(request, keepsText: false) { [stream] part in
      try stream.take(part, parts)
    } untilReady: { [stream] in
      try await stream.untilReady()
    }
    try await stream.finish(
      request.answer.ending(reply, withUsage: request.withUsage), opening: parts.opening)
  }

  private func send(_ answer: Answer) async throws {
    var bytes = exchange.headBytes(
      answer.status.code, headers, own: answer.headers, length: answer.body.readableBytes)
    bytes.writeImmutableBuffer(answer.body)
    try await exchange.send(bytes)
  }

  /// Ends a stream that has begun with the error, or answers with it.
  private func fail(_ error: any Error) async -> CallOutcome {
    let error = OpenAIError(any: error)
    do {
      if stream.isOpen {
        try await stream.fail(Array(error.json.data))
        return CallOutcome(status: 200, diagnosis: error.diagnosis)
      }
      try await send(error.answer)
      return CallOutcome(status: error.status, diagnosis: error.diagnosis)
    } catch {
      return CallOutcome(status: 499)
    }
  }
}

/// A stream of a completion's chunks. One task at a time sends.
private final class CompletionStream: Sendable {
  /// A proxy that collects the parts would keep them from the reader.
  private static let ownHeaders: HTTPFields = [
    .contentType: "text/event-stream", .cacheControl: "no-cache", .accelBuffering: "no",
  ]

  /// What the chunks of one answer have in common.
  final class Parts: Sendable {
    /// What stands before the text of a chunk, and behind it.
    let template: (before: [UInt8], behind: [UInt8])
    /// The chunk that says who speaks.
    let opening: [UInt8]?

    init(template: (before: [UInt8], behind: [UInt8]), opening: [UInt8]?) {
      self.template = template
      self.opening = opening
    }
  }

  private let exchange: CompletionExchange
  private let headers: CompletionHeaders
  private let opened = Atomic<Bool>(false)
  /// What was taken on another thread than the connection's, where it cannot be sent at once.
  private let held = Mutex<ByteBuffer?>(nil)

  init(_ exchange: CompletionExchange, headers: CompletionHeaders) {
    self.exchange = exchange
    self.headers = headers
  }

  /// Whether the head has been sent.
  var isOpen: Bool { opened.load(ordering: .relaxed) }

  /// Takes a part of the text, and sends it if it can; whether it may have another at once.
  func take(_ text: String, _ parts: Parts) throws -> Bool {
    let template = parts.template
    var bytes = begin(parts.opening, for: text.utf8.count + template.before.count + template.behind.count + 32)
    exchange.addPart(to: &bytes) { bytes in
      bytes.writeStaticString("data: ")
      bytes.writeBytes(template.before)
      JSONString.write(text) { bytes.writeBytes($0) }
      bytes.writeBytes(template.behind)
      bytes.writeStaticString("\n\n")
    }
    if let isReady = try exchange.sendNow(bytes) { return isReady }
    held.withLock { $0 = bytes }
    return false
  }

  /// Sends what is left to send, and returns when there may be another part.
  func untilReady() async throws {
    if let bytes = held.withLock({ $0.take() }) {
      try await exchange.send(bytes)
    } else {
      try await exchange.untilReady()
    }
  }

  /// Sends the last chunks, and ends the stream.
  func finish(_ chunks: [[UInt8]], opening: [UInt8]?) async throws {
    var bytes = begin(opening, for: 1_024)
    for chunk in chunks { addEvent(chunk, to: &bytes) }
    exchange.addPart(to: &bytes) { $0.writeStaticString("data: [DONE]\n\n") }
    bytes.writeStaticString(exchange.streamEnd)
    try await exchange.send(bytes)
  }

  /// Ends the stream with an error.
  func fail(_ error: [UInt8]) async throws {
    var bytes = ByteBuffer()
    addEvent(error, to: &bytes)
    bytes.writeStaticString(exchange.streamEnd)
    try await exchange.send(bytes)
  }

  /// The bytes that go before a part: nothing, or the head and who speaks.
  private func begin(_ opening: [UInt8]?, for size: Int) -> ByteBuffer {
    var bytes: ByteBuffer
    if opened.exchange(true, ordering: .relaxed) {
      bytes = ByteBuffer()
      bytes.reserveCapacity(size)
    } else {
      bytes = exchange.headBytes(200, headers, own: Self.ownHeaders, length: nil)
      if let opening { addEvent(opening, to: &bytes) }
      exchange.keepAlive()
    }
    return bytes
  }

  private func addEvent(_ json: [UInt8], to bytes: inout ByteBuffer) {
    exchange.addPart(to: &bytes) { bytes in
      bytes.writeStaticString("data: ")
      // JSON as it is written here has no line breaks, which would need a `data:` of their own.
      bytes.writeBytes(json)
      bytes.writeStaticString("\n\n")
    }
  }
}

/// A reply that has ended.
struct WholeReply: Sendable {
  var text = ""
  /// The passages that the model was given; of a grounded reply alone.
  var sources: [Source] = []
  let end: CompletionEnd
}

/// Keeps what comes of a reply.
private final class ReplyInProgress: Sendable {
  private struct State {
    var text = ""
    var sources: [Source] = []
    var end: CompletionEnd?
  }

  private let keepsText: Bool
  private let state = Mutex(State())

  /// - Parameter keepsText: whether the text is wanted in the end.
  init(keepsText: Bool) { self.keepsText = keepsText }

  /// Takes the events, and hands on the text in them.
  func reader(
    take: @escaping @Sendable (String) throws -> Bool, untilReady: @escaping @Sendable () async throws -> Void
  ) -> CompletionReader {
    CompletionReader { event throws(UseCaseFailure) in
      guard let part = self.take(event) else { return true }
      do { return try take(part) } catch { throw .cancelled }
    } untilReady: { () throws(UseCaseFailure) in
      do { try await untilReady() } catch { throw .cancelled }
    }
  }

  /// Takes an event; answers with the text in it.
  private func take(_ event: CompletionEvent) -> String? {
    if case .delta(let part) = event {
      if keepsText { state.withLock { $0.text += part } }
      return part
    }
    state.withLock { state in
      switch event {
      case .sources(let sources): state.sources = sources
      case .completed(let end): state.end = end
      case .delta: break
      }
    }
    return nil
  }

  /// All of it; `nil` while it has not ended.
  var whole: WholeReply? {
    state.withLock { state in state.end.map { WholeReply(text: state.text, sources: state.sources, end: $0) } }
  }
}
