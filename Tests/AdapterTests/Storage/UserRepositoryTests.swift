import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: accounts")
struct UserRepositoryTests {
  @Test("an account is read back as it was stored, by id and by address", arguments: StorageUnderTest.all)
  func roundTrip(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try User.sample("søren", role: .contributor)
      let stored = try await storage.users.insert(user, passwordHash: PasswordHash("$2b$"), roleIfFirst: nil)
      #expect(stored == user)
      #expect(try await storage.users.user(user.id, in: organization) == user)
      let found = try await storage.users.credentials(for: user.email)
      #expect(found?.user == user)
      #expect(found?.hash == PasswordHash("$2b$"))
      #expect(try await storage.users.user(.random(), in: organization) == nil)
    }
  }

  @Test("an account without a password has no hash", arguments: StorageUnderTest.all)
  func noPassword(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let found = try await storage.users.credentials(for: user.email)
      #expect(found?.user == user)
      #expect(found?.hash == nil)
    }
  }

  @Test("a second live account with the same address is refused and changes nothing", arguments: StorageUnderTest.all)
  func duplicateEmail(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = try await storage.users.insert(
        try .sample("a"), passwordHash: PasswordHash("first"), roleIfFirst: nil)
      let second = try User.sample("a", in: otherOrganization)
      await #expect(throws: StorageFailure.conflict("email")) {
        try await storage.users.insert(second, passwordHash: PasswordHash("second"), roleIfFirst: nil)
      }
      #expect(try await storage.users.user(second.id, in: otherOrganization) == nil)
      let found = try await storage.users.credentials(for: first.email)
      #expect(found?.hash == PasswordHash("first"))
    }
  }

  @Test("only the first live account gets the role for the first", arguments: StorageUnderTest.all)
  func firstRole(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: .admin)
      let second = try await storage.users.insert(try .sample("b"), passwordHash: nil, roleIfFirst: .admin)
      #expect(first.role == .admin)
      #expect(try await storage.users.user(first.id, in: organization)?.role == .admin)
      #expect(second.role == .user)
      try await storage.users.delete(first.id, in: organization, at: seconds(1))
      try await storage.users.delete(second.id, in: organization, at: seconds(1))
      let third = try await storage.users.insert(try .sample("c"), passwordHash: nil, roleIfFirst: .admin)
      #expect(third.role == .admin)
    }
  }

  @Test("of many who sign up at once exactly one is the first", arguments: StorageUnderTest.all)
  func firstRoleRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let roles = try await withThrowingTaskGroup(of: UserRole.self) { group in
        for index in 0..<16 {
          group.addTask {
            try await storage.users.insert(try .sample("u\(index)"), passwordHash: nil, roleIfFirst: .admin).role
          }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      #expect(roles.count { $0 == .admin } == 1)
      #expect(roles.count { $0 == .user } == 15)
    }
  }

  @Test("of many who take one address at once exactly one gets it", arguments: StorageUnderTest.all)
  func emailRace(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let wins = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 {
          group.addTask {
            do {
              _ = try await storage.users.insert(try .sample("same"), passwordHash: nil, roleIfFirst: nil)
              return true
            } catch {
              return false
            }
          }
        }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(wins == 1)
    }
  }

  @Test("a tenant's live accounts are listed newest first, ties by id, page by page", arguments: StorageUnderTest.all)
  func listing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      var expected: [UserID] = []
      for byte in UInt8(1)...7 {
        // Bytes 1 to 4 share a time.
        let user = try User.sample("u\(byte)", id: .repeating(byte), createdAt: seconds(byte <= 4 ? 0 : Int64(byte)))
        _ = try await storage.users.insert(user, passwordHash: nil, roleIfFirst: nil)
        expected.insert(user.id, at: 0)
      }
      _ = try await storage.users.insert(
        try .sample("foreign", in: otherOrganization), passwordHash: nil, roleIfFirst: nil)
      try await storage.users.delete(.repeating(6), in: organization, at: seconds(9))
      expected.removeAll { $0 == .repeating(6) }
      for size in [1, 2, 3, 6, 7] {
        let (items, pages) = try await allPages(size: size) {
          try await storage.users.users(in: organization, page: $0)
        }
        #expect(items.map(\.id) == expected)
        #expect(pages == (expected.count + size - 1) / size)
      }
    }
  }

  @Test("a new role is stored and ends the sessions of that account alone", arguments: StorageUnderTest.all)
  func role(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let other = try await storage.users.insert(try .sample("b"), passwordHash: nil, roleIfFirst: nil)
      try await storage.sessions.insert(.sample(of: user), tokenHash: .sample("a"))
      try await storage.sessions.insert(.sample(of: other), tokenHash: .sample("b"))
      let changed = try await storage.users.setRole(.contributor, of: user.id, in: organization, at: seconds(5))
      #expect(changed.role == .contributor)
      #expect(changed.updatedAt == seconds(5))
      #expect(try await storage.users.user(user.id, in: organization) == changed)
      #expect(try await storage.sessions.session(for: .sample("a"), at: seconds(6)) == nil)
      #expect(try await storage.sessions.session(for: .sample("b"), at: seconds(6)) != nil)
    }
  }

  @Test("a deleted account cannot sign in, frees its address and stays readable by id", arguments: StorageUnderTest.all)
  func deletion(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      try await storage.sessions.insert(.sample(of: user), tokenHash: .sample("a"))
      try await storage.users.delete(user.id, in: organization, at: seconds(5))
      #expect(try await storage.users.credentials(for: user.email) == nil)
      #expect(try await storage.users.user(user.id, in: organization)?.deletedAt == seconds(5))
      #expect(try await storage.sessions.session(for: .sample("a"), at: seconds(6)) == nil)
      #expect(try await storage.sessions.sessions(of: user.id, in: organization, at: seconds(6)).isEmpty)
      let heir = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      #expect(try await storage.users.credentials(for: user.email)?.user == heir)
    }
  }

  @Test("what needs a live account finds neither unknown nor deleted ones", arguments: StorageUnderTest.all)
  func missing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      try await storage.users.delete(user.id, in: organization, at: seconds(1))
      for id in [user.id, .random()] {
        await #expect(throws: StorageFailure.notFound) {
          try await storage.users.setRole(.admin, of: id, in: organization, at: seconds(2))
        }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.users.delete(id, in: organization, at: seconds(2))
        }
      }
      #expect(try await storage.users.user(user.id, in: organization)?.role == .user)
      #expect(try await storage.users.user(user.id, in: organization)?.deletedAt == seconds(1))
    }
  }

  @Test("another tenant's account is neither read nor changed by its id", arguments: StorageUnderTest.all)
  func isolation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      try await storage.sessions.insert(.sample(of: user), tokenHash: .sample("a"))
      #expect(try await storage.users.user(user.id, in: otherOrganization) == nil)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.users.setRole(.admin, of: user.id, in: otherOrganization, at: seconds(2))
      }
      await #expect(throws: StorageFailure.notFound) {
        try await storage.users.delete(user.id, in: otherOrganization, at: seconds(2))
      }
      #expect(try await storage.users.user(user.id, in: organization) == user)
      #expect(try await storage.sessions.session(for: .sample("a"), at: seconds(3)) != nil)
    }
  }
}
