package import Application

extension ContractError {
  /// The one place where failures of the use cases become codes of the wires.
  package init(_ failure: UseCaseFailure) {
    switch failure {
    case .invalid(let message): self.init(.invalidArgument, message)
    case .unauthenticated(let message): self.init(.unauthenticated, message)
    case .forbidden(let message): self.init(.permissionDenied, message)
    case .notFound(let message): self.init(.notFound, message)
    case .alreadyExists(let message): self.init(.alreadyExists, message)
    case .precondition(let message): self.init(.failedPrecondition, message)
    case .exhausted(let message): self.init(.resourceExhausted, message)
    case .unavailable(let message): self.init(.unavailable, message)
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
