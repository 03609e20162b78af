import Contract
import ServiceContextModule
import Tracing

/// What the process's instrumentation makes of requests. It is put in place once, before there is a server, and asking for it
/// with each request takes a while.
struct RequestTracing: Sendable {
  /// Takes traces over from callers.
  let instrument: any Instrument
  /// Records spans; `nil` where nobody does.
  let tracer: (any Tracer)?

  /// Takes the process's own.
  init() {
    instrument = InstrumentationSystem.instrument
    let tracer = InstrumentationSystem.tracer
    self.tracer = tracer is NoOpTracer ? nil : tracer
  }
}

/// The span of one request: never a query, a header or a body.
///
/// Source: OpenTelemetry semantic conventions 1.x, "HTTP server span".
struct RequestSpan: Sendable {
  private let span: any Span

  /// Begins the span, and puts it into the context. Those who look whether this server is well get none.
  init(
    _ head: RequestHead, template: String, in trace: inout ServiceContext, by tracing: RequestTracing
  ) {
    guard let tracer = tracing.tracer, !AccessLog.isProbe(template) else {
      span = NoOpTracer.NoOpSpan(context: trace)
      return
    }
    let method = AccessLog.known(head.method)
    span = tracer.startAnySpan("\(method) \(template)", context: trace, ofKind: .server)
    trace = span.context
    guard span.isRecording else { return }
    span.attributes["http.request.method"] = method
    span.attributes["http.route"] = template
  }

  /// Tells how it was answered.
  func tell(status: Int, code: ContractErrorCode?) {
    guard span.isRecording else { return }
    span.attributes["http.response.status_code"] = status
    if let code { span.attributes["error.type"] = code.rawValue }
    if status >= 500 { span.setStatus(SpanStatus(code: .error)) }
  }

  /// Ends it.
  func end() { span.end() }
}
