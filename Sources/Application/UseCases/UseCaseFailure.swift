package import Domain

/// Every way in which a use case fails; the wires map each case to one status, in one `switch`.
///
/// One closed enum serves all use cases: what a client can do about a failure is what tells failures apart, and that is
/// the same for every verb. The words are for people and hold no secret and no driver's message.
package enum UseCaseFailure: Error, Hashable, Sendable {
  /// The input breaks a rule; says which and what would be accepted.
  case invalid(String)
  /// There is more text in a dialogue than the model can read; says how much it reads.
  case tooLong(String)
  /// Nobody is signed in, or no longer.
  case unauthenticated(String)
  /// The caller's role does not allow it.
  case forbidden(String)
  /// There is no such thing, or it is somebody else's.
  case notFound(String)
  /// A unique value is taken.
  case alreadyExists(String)
  /// The thing is not in a state that allows it.
  case precondition(String)
  /// A limit is reached.
  case exhausted(String)
  /// A quota, a rate or a budget has no room for a call.
  case limited(UsageRefusal)
  /// Something that is needed does not answer; worth a later try.
  case unavailable(String)
  /// Something that is needed has too much to do, and may have said for how long; worth a try then.
  case overloaded(String, retryAfter: Duration?)
  /// A defect or a damaged store; the detail is for the log, never for a client.
  case broken(String)
  /// The caller went away.
  case cancelled
}

extension UseCaseFailure {
  /// What a storage failure means to a caller who asked for `thing`, such as "conversation".
  init(_ failure: StorageFailure, _ thing: String) {
    switch failure {
    case .notFound: self = .notFound("there is no such \(thing)")
    case .conflict(let what): self = .alreadyExists("\(thing): \(what) is already taken")
    case .unavailable: self = .unavailable("storage does not answer; try again")
    case .full:
      self = .unavailable("storage is full, so nothing was changed; try again when the operator has made room")
    case .corrupt(let detail): self = .broken("\(thing): \(detail)")
    case .cancelled: self = .cancelled
    }
  }

  /// What a hashing failure means to a caller.
  init(_ failure: HashingFailure) {
    switch failure {
    case .overloaded: self = .exhausted("too many sign-ins at once; try again")
    case .failed(let detail): self = .broken("password hashing: \(detail)")
    case .cancelled: self = .cancelled
    }
  }
}

/// Runs a storage call and says its failure in the words of the thing that was asked for.
func storing<Value: Sendable>(
  _ thing: String, _ body: () async throws(StorageFailure) -> Value
) async throws(UseCaseFailure) -> Value {
  do { return try await body() } catch { throw UseCaseFailure(error, thing) }
}

/// A value that storage may not have.
func found<Value: Sendable>(
  _ thing: String, _ body: () async throws(StorageFailure) -> Value?
) async throws(UseCaseFailure) -> Value {
  guard let value = try await storing(thing, body) else { throw .notFound("there is no such \(thing)") }
  return value
}

/// Refuses U+0000 in what someone sends as `field`.
func refuseNull(in text: String, of field: String) throws(UseCaseFailure) {
  if NullCharacter.isIn(text) { throw .invalid("\(field) must not contain U+0000") }
}

extension Principal {
  /// Refuses callers below a role.
  func require(_ role: UserRole, to action: String) throws(UseCaseFailure) {
    guard self.role >= role else { throw .forbidden("to \(action) takes the role \(role.rawValue)") }
  }
}
