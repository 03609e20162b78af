import Domain
import ServiceContextModule
import Synchronization
import Tracing

/// The names of the spans that this server records. What a prompt, a passage or an answer says is in none of them, nor in
/// their attributes.
enum SpanName {
  /// A question from its arrival at the use case to its last event.
  static let chat = "handle_chat_request"
  /// Checking the limits of a call, and reserving what it may use.
  static let quota = "validate_quota"
  /// Taking down what a call used.
  static let usage = "db_save_usage"
  /// One look into storage for passages.
  static let context = "db_fetch_context"
  /// One call of one model, from its turn to its last part.
  static let provider = "call_provider"
  /// The part of ``provider`` up to the first text.
  static let firstToken = "first_token_received"
}

/// The names of attributes. OpenTelemetry's `gen_ai.*` are not stable: they stand here alone.
///
/// Source: OpenTelemetry semantic conventions 1.3x, "Gen AI spans", "Database spans".
enum SpanAttributeName {
  static let operation = "gen_ai.operation.name"
  static let model = "gen_ai.request.model"
  static let promptTokens = "gen_ai.usage.input_tokens"
  static let completionTokens = "gen_ai.usage.output_tokens"
  static let finishReasons = "gen_ai.response.finish_reasons"
  static let error = "error.type"
  static let databaseOperation = "db.operation.name"
  static let user = "user.id"
  static let organization = "opentier.organization.id"
}

/// Whether this process records spans at all: it is known when it starts, and asking the instrumentation of each step of each
/// call takes longer than many a step.
enum SpanRecording {
  private static let flag = Atomic(false)

  static var isOn: Bool { flag.load(ordering: .relaxed) }

  /// A tracer that records was put in place.
  static func begin() { flag.store(true, ordering: .relaxed) }
}

/// Runs a step in a span of its own, which fails with it.
///
/// - Parameters:
///   - attributes: what is known of it; asked for only where it is recorded.
///   - body: gets the span, to say more of it.
func withTracedSpan<Value: Sendable, Failure: Error>(
  _ name: String, ofKind kind: SpanKind = .internal, _ attributes: @autoclosure () -> SpanAttributes = [:],
  _ body: (any Span) async throws(Failure) -> Value
) async throws(Failure) -> Value {
  guard SpanRecording.isOn else { return try await body(NoOpTracer.NoOpSpan(context: .topLevel)) }
  let span = InstrumentationSystem.tracer.startAnySpan(name, ofKind: kind)
  // Nothing records: then the context is the caller's, too.
  guard span.isRecording else { return try await body(span) }
  span.attributes.merge(attributes())
  let result: Result<Value, Failure> = await ServiceContext.withValue(span.context) {
    do throws(Failure) { return .success(try await body(span)) } catch { return .failure(error) }
  }
  if case .failure(let error) = result { span.fail(error) }
  span.end()
  return try result.get()
}

extension Span {
  /// Says that the step failed: the kind of the failure alone, since its words may hold what people have written.
  func fail(_ error: some Error) {
    // `overloaded("…", retryAfter: nil)` is of the kind `overloaded`.
    let kind = "\(error)".prefix { $0.isLetter || $0.isNumber || $0 == "_" }
    attributes[SpanAttributeName.error] = String(kind.isEmpty ? "error" : kind.prefix(100))
    setStatus(SpanStatus(code: .error))
  }
}

extension Principal {
  /// Who asks, for spans.
  var spanAttributes: SpanAttributes {
    [
      SpanAttributeName.user: .string("\(userID)"),
      SpanAttributeName.organization: .string("\(organizationID)"),
    ]
  }
}
