package import Domain
package import FoundationEssentials
import Synchronization

/// Makes, lists and revokes the caller's API keys. Each takes a session: a key makes no keys.
package struct ManageAPIKeys: Sendable {
  /// Limits that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// The most keys of one user that have not expired.
    package var maximumPerUser = 20
    /// How long a key lives whose maker does not say, in seconds: 90 days.
    package var defaultLifetime: TimeInterval = 90 * 86_400
    /// How long a key may live at most, in seconds: 366 days.
    package var maximumLifetime: TimeInterval = 366 * 86_400

    /// The standard limits.
    package init() {}
  }

  /// What a new key is to be.
  package struct Command: Hashable, Sendable {
    /// What its owner calls it, 1 to ``APIKey/maximumNameLength`` characters.
    package let name: String
    /// What it may be used for; ``APIKeyScope/chat`` alone where none is named.
    package let scopes: Set<APIKeyScope>
    /// From when on it is refused; `nil` for the standard lifetime.
    package let expiresAt: Date?

    /// Makes a command.
    package init(name: String, scopes: Set<APIKeyScope> = [], expiresAt: Date? = nil) {
      self.name = name
      self.scopes = scopes
      self.expiresAt = expiresAt
    }
  }

  /// A new key, and its secret, which is shown this once.
  package struct Created: Hashable, Sendable {
    /// The key.
    package let key: APIKey
    /// The secret.
    package let secret: APIKeySecret
  }

  let keys: any APIKeyRepository
  let callers: RememberedCallers
  let secrets: any SecretGenerator
  let settings: Settings
  let makeID: IDGenerator
  let clock: WallClock

  /// Makes a key.
  ///
  /// - Throws: `.forbidden` for who shows a key, and for a scope that takes a higher role than the caller's; `.invalid`;
  ///   `.exhausted` when there are as many keys as may be.
  package func create(_ command: Command, _ caller: Principal) async throws(UseCaseFailure) -> Created {
    try Self.requireSession(caller)
    let name = command.name.trimmingWhitespace()
    guard !name.isEmpty, name.count <= APIKey.maximumNameLength else {
      throw .invalid("name must have 1 to \(APIKey.maximumNameLength) characters")
    }
    try refuseNull(in: name, of: "name")
    let scopes = command.scopes.isEmpty ? [.chat] : command.scopes
    for scope in scopes.sorted(by: { $0.rawValue < $1.rawValue }) {
      try caller.require(scope.role, to: "make a key with the scope \(scope.rawValue)")
    }
    let now = clock.now()
    let latest = now.addingTimeInterval(settings.maximumLifetime)
    let expiresAt = command.expiresAt ?? now.addingTimeInterval(settings.defaultLifetime)
    guard expiresAt > now else { throw .invalid("expiresAt must be in the future") }
    guard expiresAt <= latest else {
      throw .invalid("expiresAt must be within \(Int(settings.maximumLifetime / 86_400)) days")
    }
    let secret = APIKeySecret(random: secrets.sessionToken())
    let key = APIKey(
      id: makeID(), owner: caller.owner, name: name, prefix: secret.prefix, scopes: scopes, createdAt: now,
      expiresAt: Date(microseconds: expiresAt.microseconds))
    let isStored = try await storing("API key") { () async throws(StorageFailure) in
      try await keys.insert(key, hash: secrets.hash(secret.text.utf8), maximum: settings.maximumPerUser)
    }
    guard isStored else {
      throw .exhausted("you have \(settings.maximumPerUser) API keys: revoke one that is no longer needed")
    }
    return Created(key: key, secret: secret)
  }

  /// The caller's keys, expired ones too, newest first.
  package func list(_ caller: Principal) async throws(UseCaseFailure) -> [APIKey] {
    try Self.requireSession(caller)
    return try await storing("API key") { () async throws(StorageFailure) in try await keys.keys(of: caller.owner) }
  }

  /// Revokes a key: it is refused from the next request on.
  ///
  /// - Throws: `.notFound` when the caller has no such key.
  package func revoke(_ id: APIKeyID, _ caller: Principal) async throws(UseCaseFailure) {
    try Self.requireSession(caller)
    try await storing("API key") { () async throws(StorageFailure) in try await keys.delete(id, of: caller.owner) }
    callers.forget()
  }

  private static func requireSession(_ caller: Principal) throws(UseCaseFailure) {
    guard caller.apiKey == nil else {
      throw .forbidden("API keys are managed by who has signed in, and not with an API key")
    }
  }
}

/// Finds who a bearer token belongs to: a session's token, or the secret of an API key.
package struct ResolveCaller: Sendable {
  let session: ResolveSession
  let keys: any APIKeyRepository
  let callers: RememberedCallers
  let uses: APIKeyUses
  let secrets: any SecretGenerator
  let clock: WallClock

  /// The principal of a token: remembered from a moment ago, or found in one query.
  ///
  /// - Throws: `.unauthenticated` for a token that is malformed, unknown, revoked, expired, or of a deleted account.
  package func callAsFunction(token: String) async throws(UseCaseFailure) -> Principal {
    guard token.hasPrefix(APIKeySecret.marker) else { return try await session(token: token) }
    guard let secret = APIKeySecret(token) else { throw .unauthenticated("the API key is not valid") }
    let (now, hash) = (clock.now(), secrets.hash(secret.text.utf8))
    let principal = try await callers.principal(of: hash, at: now) { () async throws(UseCaseFailure) in
      let found = try await storing("API key") { () async throws(StorageFailure) in
        try await keys.key(for: hash, at: now)
      }
      guard let found else { return nil }
      if found.key.isUseWorthNoting(at: now) { uses.note(found.key, at: now) }
      return RememberedCallers.Found(
        principal: found.key.principal(ownerRole: found.ownerRole), expiresAt: found.key.expiresAt)
    }
    guard let principal else {
      throw .unauthenticated("the API key is not valid: it is unknown, revoked or has expired")
    }
    return principal
  }
}

/// The uses of keys that are yet to be written, so that no request waits for that.
package final class APIKeyUses: Sendable {
  /// The most keys whose uses wait; those of more are noted at their next use.
  package static let maximumWaiting = 10_000

  private struct Use: Sendable {
    let owner: Owner
    let time: Date
  }

  private let waiting = Mutex<[APIKeyID: Use]>([:])

  /// Makes an empty register.
  package init() {}

  /// How many wait.
  package var count: Int { waiting.withLock { $0.count } }

  /// Notes a use; of several of one key the latest counts.
  func note(_ key: APIKey, at time: Date) {
    waiting.withLock { waiting in
      guard waiting[key.id] != nil || waiting.count < Self.maximumWaiting else { return }
      waiting[key.id] = Use(owner: key.owner, time: time)
    }
  }

  /// Writes what waits. Where storage fails, what was not written waits on.
  package func write(to keys: any APIKeyRepository) async throws(StorageFailure) {
    let uses = waiting.withLock { waiting in
      let uses = waiting
      waiting = [:]
      return uses
    }
    for (index, (id, use)) in uses.enumerated() {
      do throws(StorageFailure) {
        try await keys.noteUse(of: id, of: use.owner, at: use.time)
      } catch {
        waiting.withLock { waiting in
          // A later use that was noted meanwhile stays.
          for (id, use) in uses.dropFirst(index) where waiting[id] == nil { waiting[id] = use }
        }
        throw error
      }
    }
  }
}
