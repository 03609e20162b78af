import Application
import GRDB

extension StorageFailure {
  /// Translates what GRDB and SQLite throw; messages carry no statement and no value.
  ///
  /// Source of the codes: https://sqlite.org/rescode.html
  init(_ error: any Error) {
    switch error {
    case let failure as StorageFailure: self = failure
    case is CancellationError: self = .cancelled
    case let error as DatabaseError: self = Self.translated(error)
    case let error as UnreadableValue: self = .corrupt("\(error.column) cannot be read back")
    default: self = .corrupt("a value cannot be written or read back")
    }
  }

  private static func translated(_ error: DatabaseError) -> StorageFailure {
    switch error.resultCode {
    case .SQLITE_INTERRUPT: .cancelled
    case .SQLITE_BUSY, .SQLITE_LOCKED, .SQLITE_PROTOCOL:
      .unavailable("the database is busy with another process's write; try again")
    case .SQLITE_FULL: isFull
    // The index of the write-ahead log cannot grow; SQLite gives it no code of its own for a full disk.
    case .SQLITE_IOERR where error.extendedResultCode == .SQLITE_IOERR_SHMSIZE: isFull
    case .SQLITE_IOERR: .unavailable("the database file cannot be read or written (I/O error)")
    case .SQLITE_CANTOPEN: .unavailable("the database file cannot be opened")
    case .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_AUTH: .unavailable("the database file may not be written")
    case .SQLITE_NOMEM: .unavailable("the database ran out of memory")
    case .SQLITE_CORRUPT, .SQLITE_NOTADB: .corrupt("the file is damaged or not a database of ours")
    case .SQLITE_CONSTRAINT: violated(error)
    default: .corrupt("the database refused a statement (code \(error.extendedResultCode.rawValue))")
    }
  }

  private static let isFull = StorageFailure.full(
    "the disk that the database file is on is full: make room there; writing works again by itself"
  )

  private static func violated(_ error: DatabaseError) -> StorageFailure {
    switch error.extendedResultCode {
    case .SQLITE_CONSTRAINT_FOREIGNKEY: .notFound
    case .SQLITE_CONSTRAINT_UNIQUE, .SQLITE_CONSTRAINT_PRIMARYKEY, .SQLITE_CONSTRAINT_ROWID:
      .conflict(names.first { error.message?.contains($0.column) == true }?.name ?? "id")
    default: .corrupt("a value does not fit the schema")
    }
  }

  /// What callers know a unique column as; SQLite's message ends in the column: `UNIQUE constraint failed: users.id`.
  private static let names: [(column: String, name: String)] = [
    ("users.email", "email"), ("users.id", "user"), ("sessions.token_hash", "token"), ("sessions.id", "session"),
    ("api_keys.id", "key"), ("api_keys.key_hash", "key"),
    ("conversations.id", "conversation"), ("user_memories.id", "memory"), ("chat_messages.id", "message"),
    ("knowledge_submissions.id", "submission"),
    ("documents.id", "document"), ("documents.organization_id", "source"), ("document_revisions.id", "revision"),
    ("document_revisions.document_id", "revision"), ("document_chunks.id", "chunk"),
    ("document_chunks.revision_row_id", "chunk"), ("ingestion_jobs.id", "job"),
  ]
}
