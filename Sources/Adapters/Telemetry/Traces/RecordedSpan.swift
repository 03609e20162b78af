package import Instrumentation
import ServiceContextModule
import Synchronization
package import Tracing

/// A span that is recorded, if its trace is sampled, until it ends.
///
/// What goes beyond ``Limits`` is counted and left out. Of errors the type's name is recorded alone: their words may hold
/// what people have written.
package final class RecordedSpan: Span {
  /// How much of a span is kept.
  package enum Limits {
    /// The most attributes of a span or an event, as OpenTelemetry's `AttributeCountLimit` has it by default.
    package static let attributes = 128
    /// The most events of a span.
    package static let events = 128
    /// The most bytes of a text.
    package static let text = 1_024
  }

  private struct State {
    var name: String
    var attributes: SpanAttributes = [:]
    var events: [FinishedSpan.Event] = []
    var droppedEvents = 0
    var status: SpanStatus?
    var hasEnded = false
  }

  package let context: ServiceContext
  private let trace: TraceContext
  private let kind: SpanKind
  private let start: UInt64
  private let finish: (@Sendable (FinishedSpan) -> Void)?
  private let state: Mutex<State>

  /// Begins a span.
  ///
  /// - Parameters:
  ///   - context: the caller's, with the span's own trace in it.
  ///   - finish: takes the span when it ends; `nil` for one that is not recorded.
  init(
    _ name: String, trace: TraceContext, context: ServiceContext, kind: SpanKind, start: UInt64,
    finish: (@Sendable (FinishedSpan) -> Void)?
  ) {
    self.trace = trace
    self.context = context
    self.kind = kind
    self.start = start
    self.finish = finish
    state = Mutex(State(name: name))
  }

  package var isRecording: Bool { finish != nil && state.withLock { !$0.hasEnded } }

  package var operationName: String {
    get { state.withLock { $0.name } }
    set { change { $0.name = newValue } }
  }

  package var attributes: SpanAttributes {
    get { state.withLock { $0.attributes } }
    set { change { $0.attributes = newValue } }
  }

  package func setStatus(_ status: SpanStatus) {
    change { state in
      // OpenTelemetry: what was said to have gone well stays so.
      if state.status?.code != .ok { state.status = status }
    }
  }

  package func addEvent(_ event: SpanEvent) {
    let kept = FinishedSpan.Event(
      name: event.name, time: event.nanosecondsSinceEpoch, attributes: Self.kept(event.attributes).attributes)
    change { state in
      guard state.events.count < Limits.events else { return state.droppedEvents += 1 }
      state.events.append(kept)
    }
  }

  package func recordError<Instant: TracerInstant>(
    _ error: any Error, attributes: SpanAttributes, at instant: @autoclosure () -> Instant
  ) {
    var attributes = attributes
    attributes["exception.type"] = String(describing: type(of: error))
    addEvent(SpanEvent(name: "exception", at: instant(), attributes: attributes))
  }

  /// Links are not recorded: nothing in this server makes any.
  package func addLink(_ link: SpanLink) {}

  package func end<Instant: TracerInstant>(at instant: @autoclosure () -> Instant) {
    guard let finish else { return }
    let time = instant().nanosecondsSinceEpoch
    let span = state.withLock { state -> FinishedSpan? in
      guard !state.hasEnded else { return nil }
      state.hasEnded = true
      let (attributes, dropped) = Self.kept(state.attributes)
      return FinishedSpan(
        trace: trace, name: state.name, kind: kind, start: start, end: max(time, start), attributes: attributes,
        droppedAttributes: dropped, events: state.events, droppedEvents: state.droppedEvents, status: state.status)
    }
    if let span { finish(span) }
  }

  private func change(_ body: (inout State) -> Void) {
    guard finish != nil else { return }
    state.withLock { if !$0.hasEnded { body(&$0) } }
  }

  private static func kept(
    _ attributes: SpanAttributes
  ) -> (attributes: [(key: String, value: SpanAttribute)], dropped: Int) {
    let sorted = attributes.sorted
    let kept = sorted.prefix(Limits.attributes).map { key, value -> (key: String, value: SpanAttribute) in
      switch value {
      case .string(let text): (key, .string(text.limited(to: Limits.text).text))
      case .stringConvertible(let value): (key, .string(value.description.limited(to: Limits.text).text))
      default: (key, value)
      }
    }
    return (kept, sorted.count - kept.count)
  }
}
