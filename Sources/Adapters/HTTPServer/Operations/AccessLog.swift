import Contract
import Domain
import Logging
import Metrics
import Synchronization

/// Writes a line and a measurement for each request: never a query, a header or a body.
struct AccessLog: Sendable {
  /// What is told of a request.
  struct Entry {
    let method: String
    let template: String
    let status: Int
    let duration: Duration
    let context: CallContext
    /// The code of an error that the status does not tell.
    let code: ContractErrorCode?
    let diagnosis: String?
  }

  let logger: Logger
  private let timers = RequestTimers()

  init(logger: Logger) { self.logger = logger }

  /// A method as it is told; those that nobody knows are one, so that a client cannot make up labels.
  static func known(_ method: String) -> String {
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"].contains(method) ? method : "OTHER"
  }

  /// Whether a path is asked for by whoever looks whether the server is well.
  static func isProbe(_ template: String) -> Bool { ["/healthz", "/readyz", "/metrics"].contains(template) }

  /// Tells of a request that has been answered.
  func record(_ entry: Entry) {
    let method = Self.known(entry.method)
    timers.timer(RequestTimers.Key(method: method, route: entry.template, status: entry.status))
      .recordNanoseconds(Int64(entry.duration / .nanoseconds(1)))

    let isProbe = Self.isProbe(entry.template)
    let level: Logger.Level = entry.diagnosis != nil ? .error : isProbe ? .debug : .info
    // The line is not made where nobody writes it.
    guard level >= logger.logLevel else { return }
    var metadata: Logger.Metadata = [
      "request_id": "\(entry.context.requestID)", "method": "\(method)", "route": "\(entry.template)",
      "status": "\(entry.status)",
      "duration_ms": "\((Double(entry.duration / .microseconds(1)) / 10).rounded() / 100)",
    ]
    if let principal = entry.context.principal {
      metadata["user_id"] = "\(principal.userID)"
      metadata["organization_id"] = "\(principal.organizationID)"
    }
    if let code = entry.code { metadata["code"] = "\(code.rawValue)" }
    if let diagnosis = entry.diagnosis { metadata["error"] = "\(diagnosis)" }
    logger.log(level: level, "request", metadata: metadata)
  }
}

/// The timers of requests, kept: to ask the registry for one takes longer than to use it. Routes and methods are known, so
/// there are few.
private final class RequestTimers: Sendable {
  struct Key: Hashable {
    let method: String
    let route: String
    let status: Int
  }

  private let timers = Mutex<[Key: Metrics.Timer]>([:])

  func timer(_ key: Key) -> Metrics.Timer {
    timers.withLock { timers in
      if let timer = timers[key] { return timer }
      let timer = Metrics.Timer(
        label: "http_server_request_duration_seconds",
        dimensions: [("method", key.method), ("route", key.route), ("status", String(key.status))])
      timers[key] = timer
      return timer
    }
  }
}
