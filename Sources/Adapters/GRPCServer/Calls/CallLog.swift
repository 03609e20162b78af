import Contract
import Domain
import GRPCCore
import Logging
import Metrics

/// Writes a line and a measurement for each call, and counts the open ones: never a message or metadata.
struct CallLog: Sendable {
  /// What is told of a call.
  struct Entry {
    let method: String
    let code: Status.Code
    let duration: Duration
    let context: CallContext
    let diagnosis: String?
  }

  private let logger: Logger
  private let activeStreams = Meter(label: "grpc_active_streams")

  init(logger: Logger) { self.logger = logger }

  /// A stream has begun.
  func streamOpened() { activeStreams.increment() }

  /// A stream is gone.
  func streamClosed() { activeStreams.decrement() }

  /// Tells of a call that has ended.
  func record(_ entry: Entry) {
    measure(entry.method, entry.code, entry.duration)
    var metadata = line(entry.method, entry.code, entry.duration, requestID: entry.context.requestID)
    if let principal = entry.context.principal {
      metadata["user_id"] = "\(principal.userID)"
      metadata["organization_id"] = "\(principal.organizationID)"
    }
    if let diagnosis = entry.diagnosis { metadata["error"] = "\(diagnosis)" }
    let isProbe = entry.method.hasPrefix("grpc.health.")
    let level: Logger.Level = entry.diagnosis != nil ? .error : isProbe ? .debug : .info
    logger.log(level: level, "call", metadata: metadata)
  }

  /// Tells of a call of a method that is not served. All of them are one, so that a client cannot make up labels.
  func recordUnknown(requestID: String, duration: Duration) {
    measure("unmatched", .unimplemented, duration)
    logger.info("call", metadata: line("unmatched", .unimplemented, duration, requestID: requestID))
  }

  private func measure(_ method: String, _ code: Status.Code, _ duration: Duration) {
    let dimensions = [("method", method), ("code", code.name)]
    Counter(label: "grpc_request_total", dimensions: dimensions).increment()
    Metrics.Timer(label: "grpc_request_duration_seconds", dimensions: dimensions)
      .recordNanoseconds(Int64(duration / .nanoseconds(1)))
  }

  private func line(
    _ method: String, _ code: Status.Code, _ duration: Duration, requestID: String
  ) -> Logger.Metadata {
    [
      "request_id": "\(requestID)", "method": "\(method)", "code": "\(code.name)",
      "duration_ms": "\((Double(duration / .microseconds(1)) / 10).rounded() / 100)",
    ]
  }
}

extension Status.Code {
  /// The name as gRPC writes it. Source: grpc/doc/statuscodes.md.
  var name: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internalError: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    default: "UNKNOWN"
    }
  }
}
