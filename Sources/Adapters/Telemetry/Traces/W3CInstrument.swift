package import Instrumentation
import ServiceContextModule

extension ServiceContext {
  private enum TraceContextKey: ServiceContextKey {
    typealias Value = TraceContext
    static var nameOverride: String? { "trace_context" }
  }

  /// Where the current request stands in a trace; `nil` outside one.
  package var traceContext: TraceContext? {
    get { self[TraceContextKey.self] }
    set { self[TraceContextKey.self] = newValue }
  }
}

/// Takes traces over from callers and hands them on, in the headers of W3C Trace Context.
package struct W3CInstrument: Instrument {
  private static let parentHeader = "traceparent"
  private static let stateHeader = "tracestate"
  private let samplesNewTraces: Bool

  /// Makes an instrument.
  ///
  /// - Parameter samplesNewTraces: whether traces that begin here ask those they reach to record them.
  package init(samplesNewTraces: Bool = true) { self.samplesNewTraces = samplesNewTraces }

  /// Puts the caller's trace with a new span into the context, or a new trace when there is none or it is malformed.
  package func extract<Carrier, Extract: Extractor>(
    _ carrier: Carrier,
    into context: inout ServiceContext,
    using extractor: Extract
  ) where Extract.Carrier == Carrier {
    context.traceContext = Self.caller(in: carrier, using: extractor) ?? .new(sampled: samplesNewTraces)
  }

  /// The caller's trace with a new span; `nil` when there is none or it is malformed.
  static func caller<Carrier, Extract: Extractor>(
    in carrier: Carrier, using extractor: Extract
  ) -> TraceContext? where Extract.Carrier == Carrier {
    extractor.extract(key: parentHeader, from: carrier).flatMap { parent in
      TraceContext.continuing(
        traceparent: parent,
        tracestate: extractor.extract(key: stateHeader, from: carrier)
      )
    }
  }

  /// Writes the context's trace with its span as the parent; nothing when there is no trace.
  package func inject<Carrier, Inject: Injector>(
    _ context: ServiceContext,
    into carrier: inout Carrier,
    using injector: Inject
  ) where Inject.Carrier == Carrier {
    guard let trace = context.traceContext else { return }
    injector.inject(trace.traceparent, forKey: Self.parentHeader, into: &carrier)
    if let state = trace.state { injector.inject(state.text, forKey: Self.stateHeader, into: &carrier) }
  }
}
