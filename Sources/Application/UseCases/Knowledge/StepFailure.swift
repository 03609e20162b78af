import Domain

/// Why an attempt ended early.
enum StepFailure: Error, Hashable {
  /// Will not get better.
  case permanent(String)
  /// May pass.
  case transient(String)
  /// Another worker has the job.
  case leaseLost
  /// This process is stopping.
  case cancelled

  init(_ failure: LeaseFailure) {
    switch failure {
    case .lost: self = .leaseLost
    case .documentGone: self = .permanent("the document that it revises has been deleted")
    case .storage(.cancelled): self = .cancelled
    case .storage(.unavailable(let why)), .storage(.full(let why)): self = .transient(why)
    case .storage(let other): self = .transient("storage: \(other)")
    }
  }
}
