import Application
import ArgumentParser

/// What scripts can tell from how the process ended.
enum ExitStatus: Int32 {
  /// Done.
  case success = 0
  /// Failed in a way that has no status of its own.
  case failure = 1
  /// The command line or the configuration is not one.
  case usage = 2
  /// What was asked for is not there.
  case notFound = 3
  /// Not signed in, or not allowed.
  case notAuthorised = 4
  /// Something that is needed does not answer.
  case unavailable = 5
}

/// An error that says what to tell the person, and what to tell the script.
struct CommandFailure: Error, CustomStringConvertible {
  let status: ExitStatus
  let description: String

  init(_ status: ExitStatus, _ description: String) {
    self.status = status
    self.description = description
  }

  /// What a use case's failure means at the command line.
  init(_ failure: UseCaseFailure) {
    switch failure {
    case .invalid(let why), .tooLong(let why): self.init(.usage, why)
    case .unauthenticated(let why), .forbidden(let why): self.init(.notAuthorised, why)
    case .notFound(let why): self.init(.notFound, why)
    case .alreadyExists(let why), .precondition(let why): self.init(.failure, why)
    case .limited(let refusal): self.init(.unavailable, refusal.words)
    case .exhausted(let why), .unavailable(let why), .overloaded(let why, _): self.init(.unavailable, why)
    case .broken(let detail): self.init(.failure, "a defect or a damaged store: \(detail)")
    case .cancelled: self.init(.failure, "cancelled")
    }
  }
}
