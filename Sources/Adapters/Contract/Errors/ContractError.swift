package import Domain
package import GRPCCore

/// What a method answers with when it does not answer: the one error of every wire.
package struct ContractError: Error, Sendable {
  /// What a client can do about it.
  package let code: ContractErrorCode
  /// What was wrong and what would be accepted, in words for people; never a secret or a driver's message.
  package let message: String
  /// More about it, for programs.
  package let details: [FieldViolation]
  /// What only the log may know.
  package let diagnosis: String?
  /// When to try again, counted from now, where it is known.
  package let retryAfter: Duration?
  /// The limit that is reached, of a call that a quota, a rate or a budget refuses.
  package let limit: UsageLimit?
  /// What programs can do about it beyond what the code tells; `nil` where there is nothing.
  package let reason: Reason?

  /// What is told apart within a code.
  package enum Reason: String, Sendable {
    /// There is more text in a dialogue than the model can read.
    case contextLength = "context_length"
  }

  /// Makes an error.
  package init(
    _ code: ContractErrorCode, _ message: String, details: [FieldViolation] = [], diagnosis: String? = nil,
    retryAfter: Duration? = nil, limit: UsageLimit? = nil, reason: Reason? = nil
  ) {
    self.reason = reason
    self.limit = limit
    self.code = code
    self.message = message
    self.details = details
    self.diagnosis = diagnosis
    self.retryAfter = retryAfter
  }

  /// A field that breaks a rule.
  package typealias FieldViolation = Opentier_V1_FieldViolation
}

/// The codes of the Connect protocol, with its HTTP statuses.
///
/// Source: the Connect protocol reference, "Error Codes".
package enum ContractErrorCode: String, Sendable, CaseIterable {
  /// The caller went away.
  case canceled
  /// Nobody knows what went wrong.
  case unknown
  /// The request breaks a rule, whatever the state of the server.
  case invalidArgument = "invalid_argument"
  /// Time ran out.
  case deadlineExceeded = "deadline_exceeded"
  /// There is no such thing, or it is somebody else's.
  case notFound = "not_found"
  /// A unique value is taken.
  case alreadyExists = "already_exists"
  /// The caller's role does not allow it.
  case permissionDenied = "permission_denied"
  /// A limit, a quota or a size is exceeded.
  case resourceExhausted = "resource_exhausted"
  /// The thing is not in a state that allows it.
  case failedPrecondition = "failed_precondition"
  /// Somebody else was faster; worth another try.
  case aborted
  /// Beyond the end of something.
  case outOfRange = "out_of_range"
  /// There is no such method, or not on this wire.
  case unimplemented
  /// A defect.
  case `internal`
  /// Something that is needed does not answer; worth a later try.
  case unavailable
  /// Data is damaged beyond repair.
  case dataLoss = "data_loss"
  /// Nobody is signed in.
  case unauthenticated

  /// The HTTP status that goes with the code.
  package var httpStatus: Int {
    switch self {
    case .canceled: 499
    case .invalidArgument, .failedPrecondition, .outOfRange: 400
    case .unauthenticated: 401
    case .permissionDenied: 403
    case .notFound: 404
    case .alreadyExists, .aborted: 409
    case .resourceExhausted: 429
    case .unknown, .internal, .dataLoss: 500
    case .unimplemented: 501
    case .unavailable: 503
    case .deadlineExceeded: 504
    }
  }

  /// The gRPC code of the same name.
  package var grpc: RPCError.Code {
    switch self {
    case .canceled: .cancelled
    case .unknown: .unknown
    case .invalidArgument: .invalidArgument
    case .deadlineExceeded: .deadlineExceeded
    case .notFound: .notFound
    case .alreadyExists: .alreadyExists
    case .permissionDenied: .permissionDenied
    case .resourceExhausted: .resourceExhausted
    case .failedPrecondition: .failedPrecondition
    case .aborted: .aborted
    case .outOfRange: .outOfRange
    case .unimplemented: .unimplemented
    case .internal: .internalError
    case .unavailable: .unavailable
    case .dataLoss: .dataLoss
    case .unauthenticated: .unauthenticated
    }
  }
}
