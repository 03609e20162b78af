import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: sessions")
struct SessionRepositoryTests {
  @Test("a session is found by its token's hash until it expires", arguments: StorageUnderTest.all)
  func roundTrip(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a", role: .admin), passwordHash: nil, roleIfFirst: nil)
      let session = Session.sample(of: user)
      try await storage.sessions.insert(session, tokenHash: .sample("token"))
      #expect(try await storage.sessions.session(for: .sample("token"), at: seconds(3_599)) == session)
      #expect(try await storage.sessions.session(for: .sample("token"), at: seconds(3_600)) == nil)
      #expect(try await storage.sessions.session(for: .sample("forged"), at: seconds(0)) == nil)
    }
  }

  @Test("a token's hash is taken once", arguments: StorageUnderTest.all)
  func duplicateToken(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let first = Session.sample(of: user)
      try await storage.sessions.insert(first, tokenHash: .sample("token"))
      await #expect(throws: StorageFailure.conflict("token")) {
        try await storage.sessions.insert(.sample(of: user), tokenHash: .sample("token"))
      }
      #expect(try await storage.sessions.sessions(of: user.id, in: organization, at: seconds(1)) == [first])
    }
  }

  @Test("a session of nobody is refused", arguments: StorageUnderTest.all)
  func unknownUser(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let stranger = try User.sample("a")
      await #expect(throws: StorageFailure.notFound) {
        try await storage.sessions.insert(.sample(of: stranger), tokenHash: .sample("token"))
      }
    }
  }

  @Test("a user's unexpired sessions are listed newest first", arguments: StorageUnderTest.all)
  func listing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let other = try await storage.users.insert(try .sample("b"), passwordHash: nil, roleIfFirst: nil)
      try await storage.sessions.insert(.sample(of: other), tokenHash: .sample("other"))
      for byte in UInt8(1)...4 {
        // 2 and 3 share a time; 1 has expired.
        let time = seconds([0, 100, 100, 200][Int(byte) - 1])
        try await storage.sessions.insert(
          .sample(of: user, id: .repeating(byte), createdAt: time), tokenHash: .sample("\(byte)"))
      }
      let sessions = try await storage.sessions.sessions(of: user.id, in: organization, at: seconds(3_600))
      #expect(sessions.map(\.id) == [.repeating(4), .repeating(3), .repeating(2)])
    }
  }

  @Test("one session ends, only for its user, and only once", arguments: StorageUnderTest.all)
  func deletion(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let session = Session.sample(of: user)
      try await storage.sessions.insert(session, tokenHash: .sample("token"))
      await #expect(throws: StorageFailure.notFound) {
        try await storage.sessions.delete(session.id, of: .random(), in: organization)
      }
      #expect(try await storage.sessions.session(for: .sample("token"), at: seconds(1)) == session)
      try await storage.sessions.delete(session.id, of: user.id, in: organization)
      #expect(try await storage.sessions.session(for: .sample("token"), at: seconds(1)) == nil)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.sessions.delete(session.id, of: user.id, in: organization)
      }
    }
  }

  @Test("under another tenant's name a user has no sessions", arguments: StorageUnderTest.all)
  func isolation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let session = Session.sample(of: user)
      try await storage.sessions.insert(session, tokenHash: .sample("token"))
      #expect(try await storage.sessions.sessions(of: user.id, in: otherOrganization, at: seconds(1)).isEmpty)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.sessions.delete(session.id, of: user.id, in: otherOrganization)
      }
      #expect(try await storage.sessions.deleteAll(of: user.id, in: otherOrganization) == 0)
      #expect(try await storage.sessions.session(for: .sample("token"), at: seconds(1)) == session)
    }
  }

  @Test("all sessions of a user, or all expired ones, end at once and are counted", arguments: StorageUnderTest.all)
  func bulkDeletion(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      let other = try await storage.users.insert(try .sample("b"), passwordHash: nil, roleIfFirst: nil)
      for index in 0..<3 {
        try await storage.sessions.insert(.sample(of: user), tokenHash: .sample("a\(index)"))
      }
      try await storage.sessions.insert(.sample(of: other), tokenHash: .sample("b"))
      #expect(try await storage.sessions.deleteAll(of: user.id, in: organization) == 3)
      #expect(try await storage.sessions.deleteAll(of: user.id, in: organization) == 0)
      #expect(try await storage.sessions.deleteExpired(at: seconds(3_599)) == 0)
      #expect(try await storage.sessions.session(for: .sample("b"), at: seconds(1)) != nil)
      #expect(try await storage.sessions.deleteExpired(at: seconds(3_600)) == 1)
    }
  }
}
