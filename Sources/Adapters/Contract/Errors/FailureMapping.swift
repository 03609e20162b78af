package import Application
import Domain

extension ContractError {
  /// The one place where failures of the use cases become codes of the wires.
  package init(_ failure: UseCaseFailure) {
    switch failure {
    case .invalid(let message): self.init(.invalidArgument, message)
    case .tooLong(let message): self.init(.invalidArgument, message, reason: .contextLength)
    case .unauthenticated(let message): self.init(.unauthenticated, message)
    case .forbidden(let message): self.init(.permissionDenied, message)
    case .notFound(let message): self.init(.notFound, message)
    case .alreadyExists(let message): self.init(.alreadyExists, message)
    case .precondition(let message): self.init(.failedPrecondition, message)
    case .exhausted(let message): self.init(.resourceExhausted, message)
    case .limited(let refusal):
      self.init(.resourceExhausted, refusal.words, retryAfter: refusal.retryAfter, limit: refusal.limit)
    case .unavailable(let message): self.init(.unavailable, message)
    case .overloaded(let message, let retryAfter): self.init(.unavailable, message, retryAfter: retryAfter)
    case .broken(let detail): self.init(.internal, Self.defect, diagnosis: detail)
    case .cancelled: self.init(.canceled, "the request was cancelled")
    }
  }

  /// Any error of a handler: what is none of ours is a defect, whose text is for the log alone.
  package init(any error: any Error) {
    switch error {
    case let error as ContractError: self = error
    case let failure as UseCaseFailure: self.init(failure)
    case is CancellationError: self.init(.canceled, "the request was cancelled")
    default: self.init(.internal, Self.defect, diagnosis: "\(type(of: error)): \(error)")
    }
  }

  private static let defect = "something went wrong in the server; its log says what, under the request id"
}

extension UseCaseFailure {
  /// The way back, for a failure that another process of ours has answered with: its words are for people and pass.
  package init(_ error: ContractError) {
    switch error.code {
    case .invalidArgument where error.reason == .contextLength: self = .tooLong(error.message)
    case .invalidArgument, .outOfRange: self = .invalid(error.message)
    case .unauthenticated: self = .unauthenticated(error.message)
    case .permissionDenied: self = .forbidden(error.message)
    case .notFound: self = .notFound(error.message)
    case .alreadyExists, .aborted: self = .alreadyExists(error.message)
    case .failedPrecondition: self = .precondition(error.message)
    case .resourceExhausted: self = .exhausted(error.message)
    case .unavailable where error.retryAfter != nil: self = .overloaded(error.message, retryAfter: error.retryAfter)
    case .unavailable, .deadlineExceeded: self = .unavailable(error.message)
    case .canceled: self = .cancelled
    case .unknown, .unimplemented, .internal, .dataLoss: self = .broken(error.diagnosis ?? error.message)
    }
  }
}
