import Application
import Domain
import Metrics
import Synchronization
import Tracing

/// Measures the calls of one model and records a span for each, around any model.
///
/// A class, so that where a call waits it holds no more of it than a reference.
final class ObservedLanguageModel: LanguageModel {
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

  func reply(to request: ModelRequest, reader: ReplyReader) async throws(ModelFailure) -> ReplyEnd {
    SpanRecording.isOn ? try await traced(request, reader) : try await reply(to: request, reader, waiting: nil)
  }

  @inline(never)
  private func traced(_ request: ModelRequest, _ reader: ReplyReader) async throws(ModelFailure) -> ReplyEnd {
    try await withTracedSpan(SpanName.provider, ofKind: .client, attributes(of: request)) {
      span throws(ModelFailure) in
      let waiting = InstrumentationSystem.tracer.startAnySpan(SpanName.firstToken, context: span.context)
      let end = try await reply(to: request, reader, waiting: waiting)
      tell(span, end)
      return end
    }
  }

  /// - Parameter waiting: the span that ends with the first text; `nil` where none are recorded.
  private func reply(
    to request: ModelRequest, _ reader: ReplyReader, waiting: (any Span)?
  ) async throws(ModelFailure) -> ReplyEnd {
    let watch = Watch()
    do throws(ModelFailure) {
      let end = try await model.reply(to: request, reader: observed(reader, watch, waiting))
      if let rate = watch.rate(of: end.usage) { self.rate.record(rate) }
      // A reply of tool calls alone has no first text.
      if !watch.hasBegun { waiting?.end() }
      return end
    } catch {
      if !watch.hasBegun {
        waiting?.fail(error)
        waiting?.end()
      }
      throw error
    }
  }

  private func observed(_ reader: ReplyReader, _ watch: Watch, _ waiting: (any Span)?) -> ReplyReader {
    ReplyReader { [firstToken, interToken] part throws(ModelFailure) in
      switch watch.arrived() {
      case .first(let time):
        firstToken.record(time)
        waiting?.end()
      case .next(let gap): interToken.record(gap)
      }
      return try reader.take(part)
    } untilReady: { () throws(ModelFailure) in
      try await reader.untilReady()
      watch.waited()
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

/// When the parts of a reply came. The time that the reader is waited for is not the model's, and does not count.
private final class Watch: Sendable {
  /// What is measured when a part comes, in milliseconds.
  enum Arrival {
    /// The first part: since the call.
    case first(Double)
    /// Any other: since the one before, or since the reader was ready for it.
    case next(Double)
  }

  private struct State {
    var first: ContinuousClock.Instant?
    /// When the last part came, or the reader was ready for the next.
    var last: ContinuousClock.Instant
    var reading = Duration.zero
  }

  private let state = Mutex(State(last: .now))

  var hasBegun: Bool { state.withLock { $0.first != nil } }

  /// A part came.
  func arrived() -> Arrival {
    let now = ContinuousClock.now
    return state.withLock { state in
      let gap = now - state.last
      state.last = now
      guard state.first == nil else { return .next(gap.milliseconds) }
      state.first = now
      return .first(gap.milliseconds)
    }
  }

  /// The reader is ready for another, which it was not at once.
  func waited() {
    let now = ContinuousClock.now
    state.withLock { state in
      state.reading += now - state.last
      state.last = now
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

extension Duration {
  fileprivate var milliseconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) * 1e3 + Double(attoseconds) * 1e-15
  }
}
