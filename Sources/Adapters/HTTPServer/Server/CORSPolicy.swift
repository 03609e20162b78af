import Contract
import HTTPTypes

/// Which pages of other origins may call the contract in a browser, and read its answers.
///
/// Source: the Fetch standard, "CORS protocol". It holds for the contract's paths and its description alone: probes,
/// metrics and the web client are for nobody else's pages.
struct CORSPolicy: Sendable {
  /// What the paths of procedures begin with.
  static let procedures = "/opentier.v1."

  private let origins: Set<String>
  private var isOpen: Bool { origins.contains("*") }

  /// Makes a policy.
  ///
  /// - Parameter origins: the origins as browsers write them (`https://app.example.org`), or `*` for all.
  init(origins: [String]) { self.origins = Set(origins) }

  /// The header fields that an answer gets besides its own; none where no other origin may call anything.
  func headers(for head: RequestHead) -> HTTPFields {
    var headers = HTTPFields()
    guard !origins.isEmpty, covers(head.path) else { return headers }
    // Caches must not give one origin what was made for another, nor to a page what was made for curl.
    headers[.vary] = "Origin"
    guard let origin = head[.origin], isOpen || origins.contains(origin) else { return headers }
    headers[.accessControlAllowOrigin] = isOpen ? "*" : origin
    if !isOpen { headers[.accessControlAllowCredentials] = "true" }
    headers[.accessControlExposeHeaders] = Self.exposed
    headers[.crossOriginResourcePolicy] = "cross-origin"
    return headers
  }

  /// The answer to a browser that asks whether it may call; `nil` for a request that is no such question, or comes from
  /// an origin that may not: it is answered as if there were no CORS, which browsers take for no.
  func preflight(_ head: RequestHead) -> Answer? {
    guard head.method == "OPTIONS", head[.accessControlRequestMethod] != nil else { return nil }
    let headers = headers(for: head)
    guard headers[.accessControlAllowOrigin] != nil else { return nil }
    var answer = Answer(empty: .noContent)
    answer.headers[.accessControlAllowMethods] = "GET, POST, PATCH, DELETE"
    answer.headers[.accessControlAllowHeaders] = Self.requested
    answer.headers[.accessControlMaxAge] = Self.maximumAge
    answer.headers[.vary] = "Access-Control-Request-Method, Access-Control-Request-Headers"
    return answer
  }

  /// How long a browser may remember the answer, in seconds: two hours, which is as long as Chromium does.
  private static let maximumAge = "7200"

  /// The fields of requests that the wires need.
  private static let requested = [
    "Authorization", "Content-Type", "Content-Encoding", "Connect-Protocol-Version", "Connect-Timeout-Ms",
    "Connect-Content-Encoding", "Connect-Accept-Encoding", "X-Grpc-Web", "X-User-Agent", "Grpc-Timeout",
    "Grpc-Encoding", "Grpc-Accept-Encoding", "Last-Event-ID", "If-None-Match", "traceparent", "tracestate",
    "x-request-id", "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name", "Mcp-Session-Id",
  ].joined(separator: ", ")

  /// The fields of answers that a page may read besides those that it always may.
  private static let exposed = [
    "grpc-status", "grpc-message", "grpc-status-details-bin", "Grpc-Encoding", "Grpc-Accept-Encoding",
    "Connect-Content-Encoding", "Connect-Accept-Encoding", "Content-Encoding", "Accept-Encoding", "ETag",
    "WWW-Authenticate", "Retry-After", "x-request-id", "Mcp-Session-Id",
  ].joined(separator: ", ")

  private func covers(_ path: String) -> Bool {
    path.hasPrefix(ContractServices.restPrefix + "/") || path.hasPrefix(OpenAIOperation.prefix + "/")
      || path.hasPrefix(Self.procedures) || path == MCPProtocol.path || path == "/openapi.json"
  }
}

extension HTTPFields {
  /// Adds fields to those that are there: of `Vary` both values count, of others the new one.
  mutating func add(_ fields: HTTPFields) {
    for field in fields {
      if field.name == .vary, let own = self[.vary] {
        self[.vary] = "\(own), \(field.value)"
      } else {
        self[field.name] = field.value
      }
    }
  }
}
