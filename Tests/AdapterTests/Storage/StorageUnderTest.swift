import Application
import Foundation
import InMemoryStorage
import SQLiteStorage
import Testing

/// The storage adapters that hold the contract; each is a row of every test of it.
enum StorageUnderTest: CaseIterable, CustomTestStringConvertible, Sendable {
  case memory
  case sqlite

  /// The rows.
  static var all: [Self] { allCases }

  var testDescription: String {
    switch self {
    case .memory: "in memory"
    case .sqlite: "SQLite"
    }
  }

  /// Runs `body` with an empty store, which is gone afterwards.
  func withStorage(_ body: (OpenStorage) async throws -> Void) async throws {
    switch self {
    case .memory:
      try await body(OpenStorage(InMemoryStorage()))
    case .sqlite:
      try await withTemporaryFolder { folder in
        let storage = try SQLiteStorage(directory: folder)
        try await body(OpenStorage(storage))
        try storage.close()
      }
    }
  }
}

/// The ports of a store, whichever adapter is behind them.
struct OpenStorage: Sendable {
  let users: any UserRepository
  let sessions: any SessionRepository
  let conversations: any ConversationRepository
  let submissions: any SubmissionRepository
  let documents: any DocumentRepository
  let jobQueue: any JobQueue
  let jobs: any JobRepository
  let passages: any PassageIndex

  init(_ storage: InMemoryStorage) {
    users = storage.users
    sessions = storage.sessions
    conversations = storage.conversations
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    passages = storage.passages
  }

  init(_ storage: SQLiteStorage) {
    users = storage.users
    sessions = storage.sessions
    conversations = storage.conversations
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    passages = storage.passages
  }
}

/// Runs `body` with the path of a new folder, which is removed afterwards.
func withTemporaryFolder<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  let folder = FileManager.default.temporaryDirectory.appending(path: "opentier-test-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  let result: Result<Value, any Error>
  do { result = .success(try await body(folder.path())) } catch { result = .failure(error) }
  try FileManager.default.removeItem(at: folder)
  return try result.get()
}
