import Application
import Domain
import Foundation
import InMemoryStorage
import Testing

@Suite("API keys")
struct APIKeyTests {
  private typealias Command = ManageAPIKeys.Command

  @Test("a key acts for its owner with no more than its scopes ask for, and its secret is not its hash")
  func acting() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let created = try await world.useCases.apiKeys.create(Command(name: " laptop ", scopes: [.search]), ada)
    #expect(created.key.name == "laptop")
    #expect(created.secret.text.hasPrefix("otk_"))
    #expect(created.secret.text.count == 52)
    #expect(created.secret.text.hasPrefix(created.key.prefix))
    let caller = try await world.useCases.resolveCaller(token: created.secret.text)
    #expect(caller.userID == ada.userID)
    #expect(caller.sessionID == nil)
    #expect(caller.apiKey == APIKeyGrant(id: created.key.id, scopes: [.search]))
    // Ada is the admin; her key is not.
    #expect((ada.role, caller.role) == (.admin, .user))
    let reviewing = try await world.useCases.apiKeys.create(Command(name: "ci", scopes: [.admin, .read]), ada)
    #expect(try await world.useCases.resolveCaller(token: reviewing.secret.text).role == .admin)
    #expect(try await world.useCases.apiKeys.list(ada).map(\.name) == ["ci", "laptop"])
  }

  @Test("a key has the scope chat and lives 90 days unless said, and is refused when it is over")
  func standards() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let created = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    #expect(created.key.scopes == [.chat])
    let lifetime = try #require(created.key.expiresAt).timeIntervalSince(created.key.createdAt)
    #expect(abs(lifetime - 90 * 86_400) < 1)
    _ = try await world.useCases.resolveCaller(token: created.secret.text)
    world.clock.advance(90 * 86_400)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: created.secret.text) }
  }

  @Test("a scope takes its role, and a key loses what its owner loses")
  func roles() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let carol = try await world.signUp("carol", as: .contributor, by: ada)
    for (caller, scope) in [(bob, APIKeyScope.submit), (bob, .admin), (carol, .admin)] {
      do {
        _ = try await world.useCases.apiKeys.create(Command(name: "n", scopes: [.chat, scope]), caller)
        Issue.record("\(caller.role) made a key with \(scope)")
      } catch UseCaseFailure.forbidden {}
    }
    let key = try await world.useCases.apiKeys.create(Command(name: "n", scopes: [.submit]), carol)
    #expect(try await world.useCases.resolveCaller(token: key.secret.text).role == .contributor)
    _ = try await world.useCases.accounts.grant(.user, toEmail: "carol@example.org", ada)
    let demoted = try await world.useCases.resolveCaller(token: key.secret.text)
    #expect(demoted.role == .user)
    await #expect(throws: UseCaseFailure.self) {
      try await world.useCases.submit(SubmitKnowledge.Command(title: "t", content: .text("text")), demoted)
    }
  }

  @Test("a key makes, lists and revokes no keys")
  func keysMakeNoKeys() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let created = try await world.useCases.apiKeys.create(Command(name: "n", scopes: Set(APIKeyScope.allCases)), ada)
    let caller = try await world.useCases.resolveCaller(token: created.secret.text)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.apiKeys.create(Command(name: "m"), caller) }
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.apiKeys.list(caller) }
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.apiKeys.revoke(created.key.id, caller) }
    #expect(try await world.useCases.apiKeys.list(ada).count == 1)
  }

  @Test("names, expiry and the number of keys have limits, and each holds at its edge")
  func limits() async throws {
    let world = TestWorld { $0.apiKeys.maximumPerUser = 2 }
    let ada = try await world.signUp("ada")
    let make = world.useCases.apiKeys
    for name in ["", " ", String(repeating: "x", count: 101), "a\0"] {
      await #expect(throws: UseCaseFailure.self) { try await make.create(Command(name: name), ada) }
    }
    let now = world.clock.now
    for time in [now.addingTimeInterval(-1), now.addingTimeInterval(366 * 86_400 + 10)] {
      await #expect(throws: UseCaseFailure.self) { try await make.create(Command(name: "n", expiresAt: time), ada) }
    }
    let longest = try await make.create(
      Command(name: String(repeating: "x", count: 100), expiresAt: now.addingTimeInterval(366 * 86_400)), ada)
    _ = try await make.create(Command(name: "second"), ada)
    await #expect(throws: UseCaseFailure.exhausted("you have 2 API keys: revoke one that is no longer needed")) {
      try await make.create(Command(name: "third"), ada)
    }
    try await make.revoke(longest.key.id, ada)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: longest.secret.text) }
    _ = try await make.create(Command(name: "third"), ada)
  }

  @Test("what is no secret, and what is somebody else's key, is refused")
  func refusals() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let created = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    for token in ["otk_", "otk_short", created.secret.text + "a", created.secret.text.dropLast() + "-", "otk_é"] {
      await #expect(throws: UseCaseFailure.self) { try await world.useCases.resolveCaller(token: String(token)) }
    }
    await #expect(throws: UseCaseFailure.notFound("there is no such API key")) {
      try await world.useCases.apiKeys.revoke(created.key.id, bob)
    }
    #expect(try await world.useCases.apiKeys.list(bob).isEmpty)
  }

  @Test("a use is written apart from the request, and at most once a minute")
  func lastUsed() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let created = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    let uses = world.useCases.apiKeyUses
    func use() async throws { _ = try await world.useCases.resolveCaller(token: created.secret.text) }
    func lastUsed() async throws -> Date? { try await world.useCases.apiKeys.list(ada)[0].lastUsedAt }
    for _ in 0..<3 { try await use() }
    #expect(uses.count == 1)
    #expect(try await lastUsed() == nil)
    try await uses.write(to: world.storage.apiKeys)
    let first = try #require(try await lastUsed())
    world.clock.advance(50)
    try await use()
    #expect(uses.count == 0)
    world.clock.advance(10)
    try await use()
    #expect(uses.count == 1)
    try await uses.write(to: world.storage.apiKeys)
    #expect(try #require(try await lastUsed()) > first)
  }

  @Test("what storage could not write waits on")
  func failingWrites() async throws {
    let world = TestWorld()
    let ada = try await world.signUp("ada")
    let created = try await world.useCases.apiKeys.create(Command(name: "n"), ada)
    _ = try await world.useCases.resolveCaller(token: created.secret.text)
    let uses = world.useCases.apiKeyUses
    await #expect(throws: StorageFailure.unavailable("away")) { try await uses.write(to: AwayKeys()) }
    #expect(uses.count == 1)
    try await uses.write(to: world.storage.apiKeys)
    #expect(try await world.useCases.apiKeys.list(ada)[0].lastUsedAt != nil)
  }
}

/// Storage that does not answer.
private struct AwayKeys: APIKeyRepository {
  func insert(_ key: APIKey, hash: SecretHash, maximum: Int) async throws(StorageFailure) -> Bool { throw away }
  func key(for hash: SecretHash, at time: Date) async throws(StorageFailure) -> (key: APIKey, ownerRole: UserRole)? {
    throw away
  }
  func keys(of owner: Owner) async throws(StorageFailure) -> [APIKey] { throw away }
  func delete(_ id: APIKeyID, of owner: Owner) async throws(StorageFailure) { throw away }
  func noteUse(of id: APIKeyID, of owner: Owner, at time: Date) async throws(StorageFailure) { throw away }
  func deleteExpired(before time: Date) async throws(StorageFailure) -> Int { throw away }
  private var away: StorageFailure { .unavailable("away") }
}
