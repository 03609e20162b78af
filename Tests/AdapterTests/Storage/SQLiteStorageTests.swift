import Application
import Domain
import Foundation
import GRDB
import SQLiteStorage
import Testing

@Suite("SQLite: the file")
struct SQLiteStorageTests {
  private static func mode(_ path: String) throws -> Int? {
    try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
  }

  @Test("the data directory and its files are the owner's alone")
  func permissions() async throws {
    try await withTemporaryFolder { folder in
      let directory = folder + "/deep/data"
      let storage = try SQLiteStorage(directory: directory)
      try await OpenStorage(storage).queue()
      #expect(try Self.mode(directory) == 0o700)
      for name in ["opentier.db", "opentier.db-wal", "opentier.db-shm"] {
        #expect(try Self.mode(directory + "/" + name) == 0o600, "\(name)")
      }
      try storage.close()
    }
  }

  @Test("a directory that cannot be made is reported, not a crash")
  func badDirectory() async throws {
    try await withTemporaryFolder { folder in
      try Data().write(to: URL(filePath: folder + "/file"))
      for directory in [folder + "/file", folder + "/file/below"] {
        #expect {
          try SQLiteStorage(directory: directory)
        } throws: { error in
          if case .unavailable = error as? StorageFailure { true } else { false }
        }
      }
    }
  }

  @Test("what was stored is there after the file is opened again")
  func reopening() async throws {
    try await withTemporaryFolder { folder in
      let draft = RevisionDraft.sample("zebra", vectors: [[1, 0]])
      let first = try SQLiteStorage(directory: folder)
      try await OpenStorage(first).publish(draft)
      try first.close()
      let second = try SQLiteStorage(directory: folder)
      try await second.checkConnection()
      try await second.loadVectors(of: "model")
      try await second.loadVectors(of: "unknown")
      let storage = OpenStorage(second)
      #expect(try await storage.documents.documents(in: organization, page: PageRequest()).items.count == 1)
      #expect(try await storage.find("zebra") == draft.chunks.map(\.id))
      #expect(try await storage.nearest([1, 0]) == draft.chunks.map(\.id))
      try second.close()
    }
  }

  @Test("each connection syncs its commits, checks references and waits for locks")
  func connectionSettings() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      let configuration = SQLiteDatabase.configuration(busyTimeout: 1.5)
      let queue = try DatabaseQueue(path: folder + "/opentier.db", configuration: configuration)
      let expected = ["journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "1500"]
      for (pragma, value) in expected {
        let found = try queue.read { db in try String.fetchOne(db, sql: "PRAGMA \(pragma)") }
        #expect(found == value, "\(pragma)")
      }
      try storage.close()
    }
  }

  @Test("a file that another process keeps locked is unavailable after the time-out, and says so without SQL")
  func busy() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder, busyTimeout: 0.05)
      var configuration = Configuration()
      configuration.allowsUnsafeTransactions = true
      let blocker = try DatabaseQueue(path: folder + "/opentier.db", configuration: configuration)
      try await blocker.writeWithoutTransaction { db in try db.execute(sql: "BEGIN IMMEDIATE") }
      await #expect {
        try await storage.submissions.insert(.sample(), content: .text("text"))
      } throws: { error in
        guard case .unavailable(let message) = error as? StorageFailure else { return false }
        return message.contains("busy") && !message.contains("INSERT")
      }
      #expect(try await storage.users.user(.random(), in: organization) == nil)
      // Who looks for work in vain does not wait for the lock.
      #expect(try await storage.jobQueue.claim(by: "a", at: seconds(1), leaseFor: 30) == nil)
      #expect(try await storage.outbox.claim(limit: 9, at: seconds(1), leaseFor: 30) == nil)
      try await blocker.writeWithoutTransaction { db in try db.execute(sql: "ROLLBACK") }
      try await storage.submissions.insert(.sample(), content: .text("text"))
      try storage.close()
    }
  }

  @Test("a value that cannot be read back is reported as corrupt, naming its column")
  func corruptValue() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      let user = try await storage.users.insert(try .sample("a"), passwordHash: nil, roleIfFirst: nil)
      try await DatabaseQueue(path: folder + "/opentier.db").write { db in
        try db.execute(sql: "UPDATE users SET email = 'no address'")
      }
      await #expect(throws: StorageFailure.corrupt("email cannot be read back")) {
        try await storage.users.user(user.id, in: organization)
      }
      try storage.close()
    }
  }

  @Test("text with U+0000 is stored whole")
  func nullCharacter() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      let owner = Owner.sample()
      let conversation = Conversation.sample(of: owner, title: "a\u{0}b")
      try await storage.conversations.insert(conversation)
      let message = ChatMessage(
        id: .random(), conversationID: conversation.id, parentID: nil, role: .user, content: "c\u{0}d",
        createdAt: seconds(0))
      try await storage.conversations.append(message, of: owner)
      #expect(try await storage.conversations.conversation(conversation.id, of: owner) == conversation)
      #expect(try await storage.conversations.messages(of: conversation.id, owner: owner) == [message])
      let draft = RevisionDraft.sample("zebra\u{0}okapi", title: "t\u{0}u")
      try await OpenStorage(storage).publish(draft, as: .sample(sourceURI: "s\u{0}1"))
      let read = try await storage.documents.text(of: draft.newDocumentID, revision: nil, in: organization)
      #expect(read.text == draft.text)
      #expect(read.revision.title == draft.title)
      let filters = SearchFilters(sourcePrefix: "s\u{0}")
      #expect(try await OpenStorage(storage).find("okapi", filters: filters) == draft.chunks.map(\.id))
      #expect(
        try await storage.passages.passages(draft.chunks.map(\.id), in: organization).map(\.chunk) == draft.chunks)
      try storage.close()
    }
  }

  @Test("a revision's text cannot be changed")
  func immutability() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      try await OpenStorage(storage).publish(.sample("text"))
      let queue = try DatabaseQueue(path: folder + "/opentier.db")
      await #expect(throws: DatabaseError.self) {
        try await queue.write { db in try db.execute(sql: "UPDATE document_revisions SET text = 'other'") }
      }
      try storage.close()
    }
  }

  @Test("the index of words holds exactly the chunks, after revisions and deletions")
  func indexIntegrity() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder)
      let open = OpenStorage(storage)
      let drafts = (0..<4).map { index in
        RevisionDraft.sample(
          "zebra \(index)\n\nüber okapi", title: "T\u{0}\(index)", headings: ["A \"b\"", "c\nd\\e", "[\u{1F600}]"])
      }
      for (index, draft) in drafts.enumerated() {
        try await open.publish(draft, as: .sample(sourceURI: "\(index / 2)"), at: seconds(Int64(index)))
      }
      try await storage.documents.delete(drafts[0].newDocumentID, in: organization, at: seconds(40))
      let queue = try DatabaseQueue(path: folder + "/opentier.db")
      try await queue.write { db in
        try db.execute(sql: "INSERT INTO chunk_search (chunk_search, rank) VALUES ('integrity-check', 1)")
        #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM document_chunks") == 4)
        #expect(try Int.fetchOne(db, sql: "SELECT count(*) FROM chunk_search_docsize") == 4)
      }
      try storage.close()
    }
  }
}
