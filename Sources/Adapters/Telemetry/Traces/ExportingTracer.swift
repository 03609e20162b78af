package import Instrumentation
import ServiceContextModule
package import Tracing

/// Records spans and hands each on when it has ended; takes traces over from callers and hands them on as
/// ``W3CInstrument`` does.
///
/// Whether a trace is recorded is decided where it begins: by the caller's `sampled` flag, or here by the trace's id, so
/// that all processes that know the same ratio decide alike.
package struct ExportingTracer: Tracer {
  private let ratio: Double
  private let finish: @Sendable (FinishedSpan) -> Void
  private let headers = W3CInstrument()

  /// Makes a tracer.
  ///
  /// - Parameters:
  ///   - ratio: how many of the traces that begin here are recorded, 0 to 1.
  ///   - finish: takes each span that has ended; must not block.
  package init(ratio: Double, finish: @escaping @Sendable (FinishedSpan) -> Void) {
    self.ratio = ratio
    self.finish = finish
  }

  /// Puts the caller's place in its trace into the context; nothing when there is none or it is malformed.
  package func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier, into context: inout ServiceContext, using extractor: Extract
  ) where Extract.Carrier == Carrier {
    context.traceContext = W3CInstrument.caller(in: carrier, using: extractor)?.ofCaller
  }

  package func inject<Carrier, Inject: Injector>(
    _ context: ServiceContext, into carrier: inout Carrier, using injector: Inject
  ) where Inject.Carrier == Carrier {
    headers.inject(context, into: &carrier, using: injector)
  }

  package func startSpan<Instant: TracerInstant>(
    _ operationName: String, context: @autoclosure () -> ServiceContext, ofKind kind: SpanKind,
    at instant: @autoclosure () -> Instant, function: String, file fileID: String, line: UInt
  ) -> RecordedSpan {
    var context = context()
    let trace = context.traceContext.map { $0.child() } ?? begun()
    context.traceContext = trace
    return RecordedSpan(
      operationName, trace: trace, context: context, kind: kind, start: instant().nanosecondsSinceEpoch,
      finish: trace.isSampled ? finish : nil)
  }

  package func forceFlush() {}

  private func begun() -> TraceContext {
    let trace = TraceContext.new(sampled: true)
    return trace.traceID.isAmong(ratio) ? trace : trace.unsampled
  }
}
