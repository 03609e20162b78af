import Contract
import HTTPTypes
import JSONValues

/// An error of the protocol: a JSON-RPC error with the HTTP status that goes with it.
///
/// Source: JSON-RPC 2.0 §5.1; the MCP specification, revision 2026-07-28, "Error Codes".
struct MCPError: Error, Equatable {
  /// The codes of JSON-RPC and of MCP.
  enum Code: Int {
    case parse = -32_700
    case invalidRequest = -32_600
    case methodNotFound = -32_601
    case invalidParameters = -32_602
    case `internal` = -32_603
    /// Of this server's own, in the range that implementations define: the HTTP status says what it is.
    case refused = -32_000
    /// Up to 2025-11-25: there is no such resource.
    case resourceNotFound = -32_002
    /// A header field does not say what the body says.
    case headerMismatch = -32_020
    /// The revision is not served.
    case unsupportedVersion = -32_022
  }

  let code: Code
  let message: String
  var data: JSONValue?
  let status: Int
  /// For `WWW-Authenticate`.
  var challenge: String?
  /// After how many seconds to try again.
  var retryAfter: Int?
  /// What only the log may know.
  var diagnosis: String?

  /// A parameter that breaks a rule.
  static func invalid(_ message: String, data: JSONValue? = nil) -> MCPError {
    MCPError(code: .invalidParameters, message: message, data: data, status: 400)
  }

  /// A body that is no message of JSON-RPC.
  static func invalidRequest(_ message: String) -> MCPError {
    MCPError(code: .invalidRequest, message: message, status: 400)
  }

  /// A header field that does not say what the body says.
  static func headerMismatch(_ message: String) -> MCPError {
    MCPError(code: .headerMismatch, message: message, status: 400)
  }

  /// A revision that is not served.
  static func unsupportedVersion(_ requested: String) -> MCPError {
    MCPError(
      code: .unsupportedVersion, message: "Unsupported protocol version",
      data: ["supported": .array(MCPProtocol.revisions.map { .string($0) }), "requested": .string(requested)],
      status: 400)
  }

  /// A method that is not served. To clients of the handshake 404 would say that their session has ended.
  static func noSuchMethod(_ method: String, _ era: MCPEra) -> MCPError {
    MCPError(
      code: .methodNotFound, message: "there is no method \(method.prefix(200))", status: era == .stateless ? 404 : 200)
  }

  /// A resource that is not there, or is somebody else's.
  static func noSuchResource(_ uri: String, _ era: MCPEra) -> MCPError {
    MCPError(
      code: era == .stateless ? .invalidParameters : .resourceNotFound, message: "there is no such resource",
      data: ["uri": .string(uri)], status: era == .stateless ? 400 : 200)
  }

  /// An API key without a scope.
  ///
  /// Source: RFC 6750 §3.1; the MCP specification, "Authorization", insufficient scope.
  static func insufficientScope(_ scopes: [String], _ message: String) -> MCPError {
    MCPError(
      code: .refused, message: message, status: 403,
      challenge: "Bearer error=\"insufficient_scope\", scope=\"\(scopes.sorted().joined(separator: " "))\"")
  }

  /// A request that its client has cancelled, before 2026-07-28: nobody waits for the answer, but HTTP wants one.
  static var cancelled: MCPError { MCPError(code: .refused, message: "the request was cancelled", status: 200) }

  /// A page that may not call.
  static func forbidden(_ message: String) -> MCPError { MCPError(code: .refused, message: message, status: 403) }
}

extension MCPError {
  /// Any error of a call.
  init(any error: any Error) {
    switch error {
    case let error as MCPError: self = error
    case let refusal as HTTPRefusal:
      self.init(code: .invalidRequest, message: refusal.error.message, status: refusal.answer.status.code)
    default: self.init(ContractError(any: error))
    }
  }

  private init(_ error: ContractError) {
    let code: Code =
      switch error.code {
      case .invalidArgument, .outOfRange, .notFound: .invalidParameters
      case .internal, .unknown, .dataLoss: .internal
      default: .refused
      }
    self.init(
      code: code, message: error.message, status: error.code.httpStatus,
      challenge: error.code == .unauthenticated ? "Bearer" : nil,
      retryAfter: error.retryAfterSeconds ?? (error.code == .resourceExhausted ? 1 : nil), diagnosis: error.diagnosis)
  }

  /// The answer to a request with an id, or `null` where it has none that could be read.
  func answer(to id: JSONValue) -> Answer {
    var error: [String: JSONValue] = ["code": .integer(code.rawValue), "message": .string(message)]
    error["data"] = data
    var answer = Answer(mcp: ["jsonrpc": "2.0", "id": id, "error": .object(error)], HTTPResponse.Status(code: status))
    if let challenge { answer.headers[.wwwAuthenticate] = challenge }
    if let retryAfter { answer.headers[.retryAfter] = String(retryAfter) }
    answer.diagnosis = diagnosis
    return answer
  }
}

extension Answer {
  /// A message of JSON-RPC.
  init(mcp message: JSONValue, _ status: HTTPResponse.Status = .ok) {
    do { self.init(status, json: try message.data) } catch {
      // No answer of ours holds a number that JSON has not; should one, it is a defect that the log tells of.
      self.init(ContractError(.internal, "the answer cannot be written as JSON", diagnosis: "\(error)"))
    }
  }
}
