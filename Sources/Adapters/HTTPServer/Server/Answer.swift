import Contract
import HTTPTypes
import NIOCore

/// An answer that is whole before its first byte is sent.
struct Answer: Sendable {
  var status: HTTPResponse.Status
  var headers: HTTPFields = [:]
  var body = ByteBuffer()
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
    diagnosis = error.diagnosis
  }
}

/// A refusal that is the HTTP server's own: a status that no code has.
struct HTTPRefusal: Error {
  let answer: Answer

  /// 413: the body is larger than the path takes.
  static func tooLarge(limit: Int) -> HTTPRefusal {
    HTTPRefusal(
      answer: Answer(
        ContractError(.resourceExhausted, "the body may have at most \(limit) bytes"), status: .contentTooLarge))
  }

  /// 415: the body is of another type.
  static func unsupportedMediaType(_ message: String) -> HTTPRefusal {
    HTTPRefusal(answer: Answer(ContractError(.invalidArgument, message), status: .unsupportedMediaType))
  }

  /// 406: the client does not take what the path answers.
  static func notAcceptable(_ message: String) -> HTTPRefusal {
    HTTPRefusal(answer: Answer(ContractError(.invalidArgument, message), status: .notAcceptable))
  }

  /// 404: there is no such path.
  static func noSuchPath(_ code: ContractErrorCode = .notFound) -> HTTPRefusal {
    HTTPRefusal(answer: Answer(ContractError(code, "there is nothing at this path"), status: .notFound))
  }

  /// 405: the path does not take the method.
  static func methodNotAllowed(allowed: [String]) -> HTTPRefusal {
    let list = allowed.joined(separator: ", ")
    var answer = Answer(
      ContractError(.unimplemented, "this path takes \(list)"), status: .methodNotAllowed)
    answer.headers[.allow] = list
    return HTTPRefusal(answer: answer)
  }
}

extension Answer {
  /// The answer to an error of any kind.
  init(any error: any Error) {
    if let refusal = error as? HTTPRefusal { self = refusal.answer } else { self.init(ContractError(any: error)) }
  }
}
