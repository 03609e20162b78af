import Application
import Domain
import Metrics
import Synchronization
import Tracing

/// Measures the calls of one model and records a span for each, around any model.
struct ObservedLanguageModel: LanguageModel {
  private let model: any LanguageModel
  private let firstToken: Recorder
  private let interToken: Recorder
  private let rate: Recorder

  var name: String { model.name }

  init(_ model: any LanguageModel) {
    self.model = model
    let dimensions = [("model", model.name)]
    firstToken = Recorder(label: "ai_first_token_duration_ms", dimensions: dimensions)
    interToken = Recorder(label: "ai_inter_token_duration_ms", dimensions: dimensions)
    rate = Recorder(label: "ai_tokens_per_second", dimensions: dimensions)
  }

  var profiles: [ModelProfile] { model.profiles }

  func unsupported(in request: ModelRequest) -> UnsupportedRequest? { model.unsupported(in: request) }

  func reply(
    to request: ModelRequest, emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws(ModelFailure) -> ReplyEnd {
    try await withTracedSpan(SpanName.provider, ofKind: .client, attributes(of: request)) {
      span throws(ModelFailure) in
      let waiting = InstrumentationSystem.tracer.startAnySpan(SpanName.firstToken, context: span.context)
      let watch = Watch(start: .now)
      do throws(ModelFailure) {
        let end = try await model.reply(to: request) { text throws(ModelFailure) in
          if let gap = watch.arrived() {
            interToken.record(gap)
          } else {
            firstToken.record(watch.sinceStart)
            waiting.end()
          }
          try await emit(text)
          watch.taken()
        }
        tell(span, end)
        if let rate = watch.rate(of: end.usage) { self.rate.record(rate) }
        // A reply of tool calls alone has no first text.
        if !watch.hasBegun { waiting.end() }
        return end
      } catch {
        if !watch.hasBegun {
          waiting.fail(error)
          waiting.end()
        }
        throw error
      }
    }
  }

  private func attributes(of request: ModelRequest) -> SpanAttributes {
    [
      SpanAttributeName.operation: .string(request.prompt == nil ? "chat" : "text_completion"),
      SpanAttributeName.model: .string(name),
    ]
  }

  private func tell(_ span: any Span, _ end: ReplyEnd) {
    guard span.isRecording else { return }
    span.attributes[SpanAttributeName.finishReasons] = [end.finishReason.rawValue]
    guard let usage = end.usage else { return }
    span.attributes[SpanAttributeName.promptTokens] = usage.promptTokens
    span.attributes[SpanAttributeName.completionTokens] = usage.completionTokens
  }
}

/// When the parts of a reply came. The time that the reader takes for a part is not the model's, and does not count.
private final class Watch: Sendable {
  private struct State {
    var first: ContinuousClock.Instant?
    var taken: ContinuousClock.Instant?
    var reading = Duration.zero
    var arrived: ContinuousClock.Instant?
  }

  private let start: ContinuousClock.Instant
  private let state = Mutex(State())

  init(start: ContinuousClock.Instant) { self.start = start }

  var hasBegun: Bool { state.withLock { $0.first != nil } }

  /// From the call to now, in milliseconds.
  var sinceStart: Double { (ContinuousClock.now - start) / .milliseconds(1) }

  /// A part came: the milliseconds since the reader took the one before; `nil` for the first.
  func arrived() -> Double? {
    let now = ContinuousClock.now
    return state.withLock { state in
      state.arrived = now
      guard state.first != nil else {
        state.first = now
        return nil
      }
      return state.taken.map { (now - $0) / .milliseconds(1) }
    }
  }

  /// The reader took it.
  func taken() {
    let now = ContinuousClock.now
    state.withLock { state in
      state.taken = now
      if let arrived = state.arrived { state.reading += now - arrived }
    }
  }

  /// Tokens a second from the first text to now; `nil` where nothing can be said: no usage, one token, no time.
  func rate(of usage: TokenUsage?) -> Double? {
    let state = state.withLock { $0 }
    guard let usage, usage.completionTokens > 1, let first = state.first else { return nil }
    let seconds = (ContinuousClock.now - first - state.reading) / .seconds(1)
    return seconds > 0 ? Double(usage.completionTokens - 1) / seconds : nil
  }
}
