import Application
import Domain
import FoundationEssentials
import JSONValues
import NIOCore
import NIOHTTP1

/// How one provider's requests and events are written; it holds no state and knows no connection.
protocol ProviderWire: Sendable {
  /// The path below the base URL.
  func path(_ request: ModelRequest, model: String) -> String
  /// The headers that carry the key.
  func keyHeaders(_ key: ProviderKey) -> HTTPHeaders
  /// The headers that every request has besides.
  var headers: HTTPHeaders { get }
  /// What of a request the provider has no way to take, as clients name it; `nil` where there is nothing.
  func unsupported(in request: ModelRequest) -> String?
  /// The body, as JSON.
  func body(_ request: ModelRequest, model: String, temperature: Double?) throws -> ByteBuffer
  /// Whether a request is one whose reply is answered whole, in place of a stream of events.
  func answersWhole(_ request: ModelRequest) -> Bool
  /// Reads a whole answer into what is known of the reply; answers with its text.
  func readWhole(_ body: String, into progress: inout ReplyProgress) throws(ModelFailure) -> String?
  /// Reads one event into what is known of the reply; answers with the text in it.
  func read(
    _ event: ServerSentEventParser.Event, into progress: inout ReplyProgress
  ) throws(ModelFailure) -> String?
}

extension ProviderWire {
  func answersWhole(_ request: ModelRequest) -> Bool { false }

  func readWhole(_ body: String, into progress: inout ReplyProgress) throws(ModelFailure) -> String? {
    throw progress.failure.broken("did not answer with a stream of events")
  }
}

/// What is known of a reply while its events come.
struct ReplyProgress {
  let failure: ProviderFailure
  /// Whether an event with text has come.
  var hasText = false
  var finishReason: FinishReason?
  var usage: TokenUsage?
  /// Whether the provider has said that nothing more follows.
  var isDone = false
  /// The calls of tools by their place in the reply, their arguments growing part by part.
  var toolCalls: [Int: ToolCallDraft] = [:]

  struct ToolCallDraft {
    var id = ""
    var name = ""
    var arguments = ""
    var signature: String?
  }

  /// The most calls of tools in one reply, and the most bytes of all their arguments.
  static let maximumToolCalls = 64
  static let maximumArgumentBytes = 1 << 20

  /// The calls in their order.
  ///
  /// - Throws: `.broken` when one has no name, or arguments that are no JSON object.
  func finishedToolCalls() throws(ModelFailure) -> [ModelToolCall] {
    var calls: [ModelToolCall] = []
    for (index, draft) in toolCalls.sorted(by: { $0.key < $1.key }) {
      let arguments = draft.arguments.isEmpty ? "{}" : draft.arguments
      guard !draft.name.isEmpty, case .object? = JSONValue.read(arguments) else {
        throw failure.broken("asked for a tool in a form that is none")
      }
      let id = draft.id.isEmpty ? "call_\(index)" : draft.id
      calls.append(ModelToolCall(id: id, name: draft.name, arguments: arguments, signature: draft.signature))
    }
    return calls
  }

  /// Adds to the call of a place.
  mutating func addToToolCall(_ index: Int, _ change: (inout ToolCallDraft) -> Void) throws(ModelFailure) {
    change(&toolCalls[index, default: ToolCallDraft()])
    guard
      toolCalls.count <= Self.maximumToolCalls,
      toolCalls.values.reduce(0, { $0 + $1.arguments.utf8.count }) <= Self.maximumArgumentBytes
    else { throw failure.broken("asked for more tools than the limit") }
  }

  /// The usage, checked.
  mutating func setUsage(prompt: Int, completion: Int) throws(ModelFailure) {
    guard prompt >= 0, completion >= 0 else { throw failure.broken("sent a usage below zero") }
    usage = TokenUsage(promptTokens: prompt, completionTokens: completion)
  }

  /// An event as JSON.
  func decode<Value: Decodable>(
    _ type: Value.Type, _ event: ServerSentEventParser.Event
  ) throws(ModelFailure) -> Value {
    try decode(type, event.data, or: "sent an event that is no reply")
  }

  /// A text as JSON.
  func decode<Value: Decodable>(_ type: Value.Type, _ text: String, or words: String) throws(ModelFailure) -> Value {
    do { return try JSONDecoder().decode(type, from: Data(text.utf8)) } catch { throw failure.broken(words) }
  }

  /// An error that came as an event: before any text another try is safe, after it the reply is broken.
  func errorEvent(_ error: ProviderError?) -> ModelFailure {
    if hasText { return failure.broken("failed half-way") }
    return switch error?.code {
    case "overloaded_error", "rate_limit_error", "rate_limit_exceeded", "resource_exhausted":
      failure.overloaded(retryAfter: error?.retryAfter)
    case "authentication_error", "permission_error", "unauthenticated", "permission_denied": failure.keyRefused
    case "invalid_request_error", "invalid_argument", "request_too_large":
      .rejected("the model \(failure.name) refuses this request (\(error?.code ?? ""))")
    default: .unavailable("the provider of the model \(failure.name) has an error")
    }
  }
}
