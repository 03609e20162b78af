import Application
import Domain
import Foundation
import SQLiteStorage
import StorageBackups
import Testing

@Suite("Backups of SQLite")
struct SQLiteBackupTests {
  @Test("a copy that is made while others write holds one moment, and restored it answers alike")
  func roundTrip() async throws {
    try await withTemporaryFolder { folder in
      let storage = try SQLiteStorage(directory: folder + "/a")
      let ports = OpenStorage(storage)
      let draft = RevisionDraft.sample("zebra one\n\nzebra two", vectors: [[1, 0], [0, 1]])
      try await ports.publish(draft)
      let writer = Task {
        var count = 0
        while !Task.isCancelled {
          try await ports.submissions.insert(.sample(), content: .text("text \(count)"))
          count += 1
        }
        return count
      }
      while try await ports.submissions.submissions(
        in: organization, status: .pending, contributor: nil, page: PageRequest()
      ).items.isEmpty { await Task.yield() }
      let copy = folder + "/copy.db"
      let copied = try SQLiteBackup.copy(directory: folder + "/a", to: copy)
      writer.cancel()
      _ = await writer.result
      try storage.close()
      #expect(copied.migrations.isEmpty == false)
      let rows = Dictionary(uniqueKeysWithValues: copied.tables.map { ($0.name, $0.rows) })
      #expect(rows["document_chunks"] == 2)
      #expect(rows["knowledge_submissions"] == rows["submission_payloads"])

      try SQLiteBackup.restore(copy, to: folder + "/b", replacing: false)
      #expect(try SQLiteBackup.contents(ofDirectory: folder + "/b").tables == copied.tables)
      let restored = try SQLiteStorage(directory: folder + "/b")
      #expect(try await OpenStorage(restored).find("zebra") == draft.chunks.map(\.id).sorted())
      #expect(try await OpenStorage(restored).nearest([1, 0], limit: 1) == [draft.chunks[0].id])
      try restored.close()
    }
  }

  @Test("what is there is replaced only when asked for, and a change shows in the digest")
  func replacing() async throws {
    try await withTemporaryFolder { folder in
      for name in ["a", "b"] {
        let storage = try SQLiteStorage(directory: folder + "/" + name)
        try await OpenStorage(storage).submissions.insert(.sample(title: name), content: .text(name))
        try storage.close()
      }
      let copy = folder + "/copy.db"
      let a = try SQLiteBackup.copy(directory: folder + "/a", to: copy)
      let b = try SQLiteBackup.contents(ofDirectory: folder + "/b")
      #expect(a.tables != b.tables)
      #expect(a.tables.map(\.rows) == b.tables.map(\.rows))
      #expect(throws: BackupFailure.self) { try SQLiteBackup.restore(copy, to: folder + "/b", replacing: false) }
      #expect(try SQLiteBackup.contents(ofDirectory: folder + "/b").tables == b.tables)
      try SQLiteBackup.restore(copy, to: folder + "/b", replacing: true)
      #expect(try SQLiteBackup.contents(ofDirectory: folder + "/b").tables == a.tables)
    }
  }

  @Test("no database, or a file that is none, is said in words")
  func missing() async throws {
    try await withTemporaryFolder { folder in
      #expect(throws: BackupFailure.unavailable("there is no database in \(folder)/none")) {
        try SQLiteBackup.copy(directory: folder + "/none", to: folder + "/copy.db")
      }
      let junk = folder + "/junk.db"
      try Data(repeating: 65, count: 5000).write(to: URL(filePath: junk))
      #expect(throws: BackupFailure.self) { try SQLiteBackup.contents(of: junk) }
    }
  }
}
