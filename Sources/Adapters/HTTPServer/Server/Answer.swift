import Contract
import HTTPTypes
import NIOCore

/// An answer that is whole before its first byte is sent.
struct Answer: Sendable {
  var status: HTTPResponse.Status
  var headers: HTTPFields = [:]
  var body = ByteBuffer()
  /// The code of an error, for the log, where the status does not tell it.
  var code: ContractErrorCode?
  /// What only the log may know.
  var diagnosis: String?

  /// An answer with a body.
  init(_ status: HTTPResponse.Status = .ok, type: String, body: ByteBuffer) {
    self.status = status
    self.body = body
    headers[.contentType] = type
  }

  /// A JSON answer, which nothing may keep.
  init(_ status: HTTPResponse.Status = .ok, json: some Sequence<UInt8>) {
    self.init(status, type: "application/json", body: ByteBuffer(bytes: json))
    headers[.cacheControl] = "no-store"
  }

  /// An answer without a body.
  init(empty status: HTTPResponse.Status) { self.status = status }

  /// An error in its documented shape.
  ///
  /// - Parameter status: the HTTP status, where it is not the code's own: 404, 405, 413 and 415 are told apart so.
  init(_ error: ContractError, status: HTTPResponse.Status? = nil) {
    self.init(status ?? HTTPResponse.Status(code: error.code.httpStatus), json: error.json)
    if self.status == .unauthorized { headers[.wwwAuthenticate] = "Bearer" }
    if let seconds = error.retryAfterSeconds { headers[.retryAfter] = String(seconds) }
    diagnosis = error.diagnosis
  }
}

extension Answer {
  /// Notes an error for the log, where the status is 200 whatever happened.
  mutating func note(_ error: ContractError) {
    code = error.code
    diagnosis = error.diagnosis
  }
}

/// A refusal that is the HTTP server's own: a status that no code has.
struct HTTPRefusal: Error {
  /// What is wrong, as every wire can say it.
  let error: ContractError
  /// The answer on HTTP.
  let answer: Answer

  /// Refuses with an error and a status of its own.
  init(_ error: ContractError, status: HTTPResponse.Status, headers: HTTPFields = [:]) {
    self.error = error
    var answer = Answer(error, status: status)
    for field in headers { answer.headers[field.name] = field.value }
    self.answer = answer
  }

  /// 413: the body is larger than the path takes.
  static func tooLarge(limit: Int) -> HTTPRefusal {
    HTTPRefusal(
      ContractError(.resourceExhausted, "the body may have at most \(limit) bytes"), status: .contentTooLarge)
  }

  /// 415: the body is of another type.
  ///
  /// - Parameter accepted: the media types that would do, for `Accept-Post` (W3C Linked Data Platform §7.1).
  static func unsupportedMediaType(_ message: String, accepted: [String] = []) -> HTTPRefusal {
    var headers = HTTPFields()
    if !accepted.isEmpty { headers[.acceptPost] = accepted.joined(separator: ", ") }
    return HTTPRefusal(
      ContractError(.invalidArgument, message), status: .unsupportedMediaType, headers: headers)
  }

  /// 406: the client does not take what the path answers.
  static func notAcceptable(_ message: String) -> HTTPRefusal {
    HTTPRefusal(ContractError(.invalidArgument, message), status: .notAcceptable)
  }

  /// 404: there is no such path.
  static func noSuchPath(_ code: ContractErrorCode = .notFound) -> HTTPRefusal {
    HTTPRefusal(ContractError(code, "there is nothing at this path"), status: .notFound)
  }

  /// 405: the path does not take the method.
  static func methodNotAllowed(allowed: [String]) -> HTTPRefusal {
    let list = allowed.joined(separator: ", ")
    return HTTPRefusal(
      ContractError(.unimplemented, "this path takes \(list)"), status: .methodNotAllowed, headers: [.allow: list])
  }
}

extension Answer {
  /// The answer to an error of any kind.
  init(any error: any Error) {
    if let refusal = error as? HTTPRefusal { self = refusal.answer } else { self.init(ContractError(any: error)) }
  }
}
