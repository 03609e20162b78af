import Contract
import Domain
import FoundationEssentials
import HTTPTypes
import JSONValues

/// An error as OpenAI's API has it: `{"error":{"message","type","param","code"}}`, with the statuses from which its clients
/// tell what to do: which exception to raise, and whether to try again.
///
/// Source: OpenAI API reference, "Error codes", and the clients' own table (openai-python, `_make_status_error`).
struct OpenAIError: Error, Equatable {
  let status: Int
  let message: String
  /// The class of the error.
  let type: String
  /// The field of the request that is wrong, such as `messages[0].content`.
  var parameter: String?
  /// A short name of what is wrong.
  var code: String?
  /// After how many seconds to try again.
  var retryAfter: Int?
  /// Whether clients may try again by themselves, where the status does not say enough: a quota that is used up today is
  /// used up in a second.
  var isWorthRetrying = true
  /// What only the log may know.
  var diagnosis: String?

  /// A field that breaks a rule.
  static func invalid(_ parameter: String?, _ message: String, code: String? = nil) -> OpenAIError {
    OpenAIError(status: 400, message: message, type: requestError, parameter: parameter, code: code)
  }

  /// There is no such path.
  static func noSuchPath(_ head: RequestHead, status: Int) -> OpenAIError {
    OpenAIError(
      status: status, message: "Invalid URL (\(head.method) \(head.path.prefix(200)))", type: requestError)
  }

  /// There is no such model.
  static func noSuchModel(_ name: String, _ message: String? = nil) -> OpenAIError {
    OpenAIError(
      status: 404, message: message ?? "the model \(name.prefix(200)) does not exist", type: requestError,
      parameter: "model", code: "model_not_found")
  }

  /// There is more text in a request than the model can read.
  static func tooLong(_ message: String, parameter: String) -> OpenAIError {
    .invalid(parameter, message, code: "context_length_exceeded")
  }

  private static let requestError = "invalid_request_error"

  /// Any error of a call.
  init(any error: any Error) {
    switch error {
    case let error as OpenAIError: self = error
    case let refusal as HTTPRefusal:
      self.init(refusal.error)
      self = OpenAIError(
        status: refusal.answer.status.code, message: message, type: Self.requestError,
        code: refusal.answer.status == .contentTooLarge ? "request_too_large" : nil)
    default: self.init(ContractError(any: error))
    }
  }

  private init(_ error: ContractError) {
    (status, message, diagnosis) = (error.code.httpStatus, error.message, error.diagnosis)
    (parameter, code) = (error.details.first?.field, nil)
    switch error.code {
    case .unauthenticated: (type, code) = (Self.requestError, "invalid_api_key")
    case .permissionDenied: (type, code) = (Self.requestError, "insufficient_permissions")
    case .notFound: (type, code) = (Self.requestError, "not_found")
    case .resourceExhausted where error.limit.map { !$0.isRate } ?? false:
      (type, code) = ("insufficient_quota", "insufficient_quota")
      isWorthRetrying = false
    case .resourceExhausted:
      (type, code) = ("rate_limit_error", "rate_limit_exceeded")
      retryAfter = 1
    case .unavailable: (type, code) = ("server_error", "service_unavailable")
    case .deadlineExceeded: (type, code) = ("server_error", "timeout")
    case .canceled, .unknown, .internal, .dataLoss: type = "server_error"
    case .invalidArgument, .alreadyExists, .failedPrecondition, .aborted, .outOfRange, .unimplemented:
      type = Self.requestError
    }
    retryAfter = error.retryAfterSeconds ?? retryAfter
  }

  private init(
    status: Int, message: String, type: String, parameter: String? = nil, code: String? = nil
  ) {
    (self.status, self.message, self.type, self.parameter, self.code) = (status, message, type, parameter, code)
  }

  /// The body.
  var json: JSONValue {
    .object([
      "error": .object([
        "message": .string(message), "type": .string(type), "param": .optional(parameter),
        "code": .optional(code),
      ])
    ])
  }

  /// The answer with the body and the status.
  var answer: Answer {
    var answer = Answer(openAI: json, HTTPResponse.Status(code: status))
    if status == 401 { answer.headers[.wwwAuthenticate] = "Bearer" }
    if let retryAfter { answer.headers[.retryAfter] = String(retryAfter) }
    // openai-python and openai-node: `_should_retry`, `shouldRetry`.
    if !isWorthRetrying { answer.headers[.shouldRetry] = "false" }
    answer.diagnosis = diagnosis
    return answer
  }
}

extension JSONValue {
  /// A text, or `null`.
  static func optional(_ text: String?) -> JSONValue { text.map(JSONValue.string) ?? .null }
}

extension Answer {
  /// A JSON answer in OpenAI's shape.
  init(openAI json: JSONValue, _ status: HTTPResponse.Status = .ok) {
    do { self.init(status, json: try json.data) } catch {
      // No answer of ours holds a number that JSON has not; should one, it is a defect that the log tells of.
      self.init(ContractError(.internal, "the answer cannot be written as JSON", diagnosis: "\(error)"))
    }
  }
}
