package import Domain
package import FoundationEssentials

/// Makes ids: UUIDs of version 7 (RFC 9562 §5.7), ascending within a process.
package struct IDGenerator: Sendable {
  private let make: @Sendable () -> UUID

  /// Wraps a source of UUIDs.
  package init(_ make: @escaping @Sendable () -> UUID) { self.make = make }

  /// The next id.
  package func callAsFunction<Entity>(_: Entity.Type = Entity.self) -> Identifier<Entity> { Identifier(make()) }

  /// The next UUID, for what is no entity.
  package func uuid() -> UUID { make() }
}

/// Tells the time: passed in, so that tests decide what time it is.
package struct WallClock: Sendable {
  private let read: @Sendable () -> Date

  /// Wraps a source of time.
  package init(_ read: @escaping @Sendable () -> Date) { self.read = read }

  /// Now, in whole microseconds, which is what storage keeps.
  package func now() -> Date { Date(microseconds: read().microseconds) }
}

/// Makes and hashes session tokens.
package protocol SecretGenerator: Sendable {
  /// 64 alphanumerics from the system's secure random source.
  func sessionToken() -> SessionToken

  /// SHA-256.
  func hash(_ bytes: some Sequence<UInt8>) -> SecretHash
}

/// Why a password was not hashed or checked.
package enum HashingFailure: Error, Hashable, Sendable {
  /// Too many are waiting already.
  case overloaded
  /// The hash function failed; names how.
  case failed(String)
  /// The calling task was cancelled while it waited.
  case cancelled
}

/// Hashes passwords with bcrypt, away from the threads that serve requests.
package protocol PasswordHasher: Sendable {
  /// Hashes with a new salt.
  func hash(_ password: Password) async throws(HashingFailure) -> PasswordHash

  /// Whether the password is that of the hash. With no hash it does the same work on a decoy and answers `false`, so
  /// that time does not tell whether an account exists.
  func verify(_ password: Password, against hash: PasswordHash?) async throws(HashingFailure) -> Bool
}
