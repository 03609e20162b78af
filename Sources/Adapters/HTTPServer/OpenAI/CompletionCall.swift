import Application
import Contract
import Domain
import FoundationEssentials
import HTTPTypes
import Hummingbird
import JSONValues
import NIOCore
import Synchronization

/// Answers a chat completion or a completion, whole or as a stream of server-sent events.
///
/// The task of the model is cancelled as soon as the client closes the connection, also where it waits for a whole answer.
/// A stream's head is sent with the first text, so that a model that fails before it is still answered with a status, which
/// clients try again; a failure behind it is an event with `error`.
struct CompletionCall {
  /// The end of a stream.
  private static let done = ByteBuffer(string: "data: [DONE]\n\n")

  let api: OpenAIAPI
  let operation: OpenAIOperation
  let head: RequestHead
  let context: CallContext
  let keepAliveInterval: Duration
  let response: StreamedResponse

  /// Answers; nothing reads the body when this returns.
  func run(_ body: RequestBody) async -> CallOutcome {
    do {
      return try await body.consumeWithCancellationOnInboundClose { body in try await answer(body) }
    } catch {
      return CallOutcome(status: 499)
    }
  }

  private func answer(_ body: RequestBody) async throws -> CallOutcome {
    // Made in any case, as in `StreamingCall`.
    var reader = BodyReader(body, head: head)
    do {
      try await api.admit(operation, context)
      let request = try request(of: try await api.body(of: head, &reader))
      try await Responder.withCaller(of: context) {
        if request.isStream { try await stream(request) } else { try await whole(request) }
      }
      return CallOutcome(status: 200)
    } catch {
      if Task.isCancelled { return CallOutcome(status: 499) }
      // A client that is still writing reads the answer only then.
      _ = await reader.drain(upTo: api.limits.drainedBody)
      return try await fail(error)
    }
  }

  private struct Completion: Sendable {
    let command: CompleteDialogue.Command
    let isStream: Bool
    let withUsage: Bool
    let answer: CompletionAnswer
  }

  private func request(of body: [UInt8]) throws -> Completion {
    let origin = origin
    if operation == .completions {
      let request = try OpenAIRequestReading.read(TextCompletionRequest.self, from: body)
      return Completion(
        command: try request.command(), isStream: request.stream ?? false,
        withUsage: request.stream_options?.include_usage ?? false,
        answer: CompletionAnswer(.text, model: request.model, origin: origin))
    }
    let request = try OpenAIRequestReading.read(ChatCompletionRequest.self, from: body)
    return Completion(
      command: try request.command(), isStream: request.stream ?? false,
      withUsage: request.stream_options?.include_usage ?? false,
      answer: CompletionAnswer(.chat, model: request.model, origin: origin))
  }

  /// This server's address as the client has it, behind a proxy too that says so; empty where the client does not say, so
  /// that addresses are relative.
  private var origin: String {
    guard let host = head.authority else { return "" }
    return (head.headers[.forwardedProto]?.lowercased() == "https" ? "https://" : "http://") + host
  }

  private func complete(
    _ request: Completion, onPart: @escaping @Sendable (String) async throws -> Void
  ) async throws -> WholeReply {
    guard let caller = context.principal else { throw ContractError(.unauthenticated, "sign in first") }
    let reply = ReplyInProgress()
    let emit: CompletionEmitter = { event async throws(UseCaseFailure) in
      guard let part = reply.take(event) else { return }
      do { try await onPart(part) } catch { throw UseCaseFailure.cancelled }
    }
    do throws(UseCaseFailure) {
      try await api.intelligence.complete(request.command, caller, emit: emit)
    } catch {
      // Of all that a completion names only its model can be missing.
      if case .notFound(let message) = error { throw OpenAIError.noSuchModel(request.command.model, message) }
      throw error
    }
    guard let whole = reply.whole else { throw ContractError(.internal, "a reply has not ended") }
    return whole
  }

  private func whole(_ request: Completion) async throws {
    let reply = try await complete(request) { _ in }
    try await response.answer(with: Answer(openAI: try request.answer.whole(reply)))
  }

  private func stream(_ request: Completion) async throws {
    try await response.keepAlive(every: keepAliveInterval) {
      let reply = try await complete(request) { part in
        try await open(request)
        try await send(request.answer.part(part))
      }
      try await open(request)
      for chunk in try request.answer.ending(reply, withUsage: request.withUsage) {
        try await send(chunk)
      }
    }
    try await response.send(Self.done)
    try await response.finish()
  }

  /// Says who speaks, before anything else is sent. One task at a time sends chunks.
  private func open(_ request: Completion) async throws {
    if !response.isOpen, let opening = request.answer.opening() { try await send(opening) }
  }

  private func send(_ json: JSONValue) async throws {
    var buffer = ByteBuffer(string: "data: ")
    // JSON as it is written here has no line breaks, which would need a `data:` of their own.
    buffer.writeBytes(try json.data)
    buffer.writeString("\n\n")
    try await response.send(buffer)
  }

  /// Ends a stream that has begun with the error, or answers with it.
  private func fail(_ error: any Error) async throws -> CallOutcome {
    let error = OpenAIError(any: error)
    if response.isOpen {
      try await send(error.json)
      try await response.finish()
      return CallOutcome(status: 200, diagnosis: error.diagnosis)
    }
    try await response.answer(with: error.answer)
    return CallOutcome(status: error.status, diagnosis: error.diagnosis)
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

  private let state = Mutex(State())

  /// Takes an event; answers with the text in it.
  func take(_ event: CompletionEvent) -> String? {
    state.withLock { state in
      switch event {
      case .sources(let sources): state.sources = sources
      case .completed(let end): state.end = end
      case .delta(let part):
        state.text += part
        return part
      }
      return nil
    }
  }

  /// All of it; `nil` while it has not ended.
  var whole: WholeReply? {
    state.withLock { state in state.end.map { WholeReply(text: state.text, sources: state.sources, end: $0) } }
  }
}
