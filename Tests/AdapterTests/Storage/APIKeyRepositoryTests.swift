import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: API keys")
struct APIKeyRepositoryTests {
  private func key(
    of user: User, name: String = "laptop", scopes: Set<APIKeyScope> = [.chat, .read], id: APIKeyID = .random(),
    at created: Int64 = 0, expires: Int64? = 3_600
  ) -> APIKey {
    APIKey(
      id: id, owner: Owner(organizationID: user.organizationID, userID: user.id), name: name, prefix: "otk_Ab12cd",
      scopes: scopes, createdAt: seconds(created), expiresAt: expires.map { seconds($0) })
  }

  private func user(_ name: String, _ storage: OpenStorage, role: UserRole = .user) async throws -> User {
    try await storage.users.insert(try .sample(name, role: role), passwordHash: nil, roleIfFirst: nil)
  }

  @Test("a key is found by its hash until it expires, with the role its owner has now", arguments: StorageUnderTest.all)
  func roundTrip(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await user("a", storage, role: .admin)
      let (short, endless) = (key(of: user), key(of: user, name: "Grüße 🔑", scopes: [.search], expires: nil))
      #expect(try await storage.apiKeys.insert(short, hash: .sample("short"), maximum: 5))
      #expect(try await storage.apiKeys.insert(endless, hash: .sample("endless"), maximum: 5))
      let found = try #require(try await storage.apiKeys.key(for: .sample("short"), at: seconds(3_599)))
      #expect(found.key == short)
      #expect(found.ownerRole == .admin)
      #expect(try await storage.apiKeys.key(for: .sample("short"), at: seconds(3_600)) == nil)
      #expect(try await storage.apiKeys.key(for: .sample("endless"), at: seconds(1_000_000))?.key == endless)
      #expect(try await storage.apiKeys.key(for: .sample("forged"), at: seconds(0)) == nil)
      _ = try await storage.users.setRole(.user, of: user.id, in: organization, at: seconds(5))
      #expect(try await storage.apiKeys.key(for: .sample("short"), at: seconds(6))?.ownerRole == .user)
      try await storage.users.delete(user.id, in: organization, at: seconds(7))
      #expect(try await storage.apiKeys.key(for: .sample("short"), at: seconds(8)) == nil)
    }
  }

  @Test("an id and a hash are taken once, and a key of nobody is refused", arguments: StorageUnderTest.all)
  func duplicates(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await user("a", storage)
      let first = key(of: user)
      #expect(try await storage.apiKeys.insert(first, hash: .sample("one"), maximum: 5))
      await #expect(throws: StorageFailure.conflict("key")) {
        try await storage.apiKeys.insert(key(of: user), hash: .sample("one"), maximum: 5)
      }
      await #expect(throws: StorageFailure.conflict("key")) {
        try await storage.apiKeys.insert(key(of: user, id: first.id), hash: .sample("two"), maximum: 5)
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.apiKeys.insert(key(of: try .sample("nobody")), hash: .sample("three"), maximum: 5)
      }
      #expect(try await storage.apiKeys.keys(of: first.owner) == [first])
    }
  }

  @Test(
    "an owner has no more live keys than the maximum, however many are made at once", arguments: StorageUnderTest.all)
  func maximum(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let (user, other) = (try await user("a", storage), try await user("b", storage))
      // What has expired does not count.
      #expect(try await storage.apiKeys.insert(key(of: user, expires: 10), hash: .sample("old"), maximum: 3))
      #expect(try await storage.apiKeys.insert(key(of: other, at: 20), hash: .sample("theirs"), maximum: 3))
      let stored = try await withThrowingTaskGroup(of: Bool.self) { group in
        for number in 0..<10 {
          let key = key(of: user, at: 20)
          group.addTask { try await storage.apiKeys.insert(key, hash: .sample("\(number)"), maximum: 3) }
        }
        return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(stored == 3)
      #expect(try await storage.apiKeys.keys(of: key(of: user).owner).count == 4)
    }
  }

  @Test("keys are listed newest first and deleted by their owner alone", arguments: StorageUnderTest.all)
  func ownership(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await user("a", storage)
      let (first, second) = (key(of: user, at: 1), key(of: user, at: 2))
      #expect(try await storage.apiKeys.insert(first, hash: .sample("1"), maximum: 5))
      #expect(try await storage.apiKeys.insert(second, hash: .sample("2"), maximum: 5))
      #expect(try await storage.apiKeys.keys(of: first.owner) == [second, first])
      for stranger in [Owner.sample(), Owner(organizationID: otherOrganization, userID: user.id)] {
        #expect(try await storage.apiKeys.keys(of: stranger).isEmpty)
        await #expect(throws: StorageFailure.notFound) { try await storage.apiKeys.delete(first.id, of: stranger) }
        try await storage.apiKeys.noteUse(of: first.id, of: stranger, at: seconds(3))
      }
      #expect(try await storage.apiKeys.keys(of: first.owner) == [second, first])
      try await storage.apiKeys.delete(first.id, of: first.owner)
      #expect(try await storage.apiKeys.key(for: .sample("1"), at: seconds(3)) == nil)
      await #expect(throws: StorageFailure.notFound) { try await storage.apiKeys.delete(first.id, of: first.owner) }
    }
  }

  @Test("the latest use is kept, and noting one of a key that is gone is no failure", arguments: StorageUnderTest.all)
  func uses(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let key = key(of: try await user("a", storage))
      #expect(try await storage.apiKeys.insert(key, hash: .sample("1"), maximum: 5))
      try await storage.apiKeys.noteUse(of: key.id, of: key.owner, at: seconds(50))
      try await storage.apiKeys.noteUse(of: key.id, of: key.owner, at: seconds(40))
      #expect(try await storage.apiKeys.key(for: .sample("1"), at: seconds(60))?.key.lastUsedAt == seconds(50))
      try await storage.apiKeys.noteUse(of: .random(), of: key.owner, at: seconds(70))
    }
  }

  @Test("what has expired is removed from all tenants", arguments: StorageUnderTest.all)
  func sweep(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await user("a", storage)
      let (endless, later) = (key(of: user, at: 1, expires: nil), key(of: user, expires: 101))
      #expect(try await storage.apiKeys.insert(key(of: user, expires: 100), hash: .sample("1"), maximum: 5))
      #expect(try await storage.apiKeys.insert(later, hash: .sample("2"), maximum: 5))
      #expect(try await storage.apiKeys.insert(endless, hash: .sample("3"), maximum: 5))
      #expect(try await storage.apiKeys.deleteExpired(before: seconds(100)) == 1)
      #expect(try await storage.apiKeys.keys(of: endless.owner) == [endless, later])
    }
  }
}
