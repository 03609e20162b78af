import GRPCCore
import ServiceContextModule
import Tracing

/// The span of one call: never a message or metadata.
///
/// Source: OpenTelemetry semantic conventions 1.x, "RPC spans".
struct CallSpan: Sendable {
  private let span: any Span

  /// Begins the span, and puts it into the context. Those who look whether this server is well get none.
  init(_ method: String, in trace: inout ServiceContext) {
    guard !method.hasPrefix("grpc.health.") else {
      span = NoOpTracer.NoOpSpan(context: trace)
      return
    }
    span = InstrumentationSystem.tracer.startAnySpan(method, context: trace, ofKind: .server)
    trace = span.context
    guard span.isRecording else { return }
    span.attributes["rpc.system"] = "grpc"
    let parts = method.split(separator: "/", maxSplits: 1)
    span.attributes["rpc.service"] = parts.first.map(String.init)
    span.attributes["rpc.method"] = parts.dropFirst().first.map(String.init)
  }

  /// Ends it with the call's status.
  func end(with code: Status.Code) {
    if span.isRecording {
      span.attributes["rpc.grpc.status_code"] = Int64(code.rawValue)
      if code != .ok { span.attributes["error.type"] = code.name }
      // What the server itself is at fault for.
      if [.unknown, .deadlineExceeded, .unimplemented, .internalError, .unavailable, .dataLoss].contains(code) {
        span.setStatus(SpanStatus(code: .error))
      }
    }
    span.end()
  }
}
