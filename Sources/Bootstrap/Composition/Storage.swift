import Application
import InMemoryStorage
import SQLiteStorage
import Settings

/// The storage of a profile: the one place that decides which.
struct Storage: Sendable {
  let users: any UserRepository
  let sessions: any SessionRepository
  let conversations: any ConversationRepository
  let submissions: any SubmissionRepository
  let documents: any DocumentRepository
  let jobQueue: any JobQueue
  let jobs: any JobRepository
  let passages: any PassageIndex
  /// Whether it answers.
  let check: @Sendable () async throws -> Void
  /// Loads the vectors of a model before the first search needs them.
  let warm: @Sendable (_ model: String) async throws -> Void
  private let closing: @Sendable () throws -> Void

  /// Opens the storage that the configuration's profile asks for.
  static func open(_ configuration: ServerConfiguration) throws -> Storage {
    switch configuration.profile {
    case .memory: return Storage(InMemoryStorage())
    case .offline:
      do { return Storage(try SQLiteStorage(directory: configuration.dataDirectory)) } catch let failure
        as StorageFailure
      {
        throw CommandFailure(.unavailable, "the data folder \(configuration.dataDirectory): \(failure.words)")
      } catch {
        throw CommandFailure(.failure, "\(error)")
      }
    case .production:
      throw CommandFailure(
        .usage, "this build has no PostgreSQL storage yet: use --profile offline, which keeps everything in one file")
    }
  }

  private init(_ storage: InMemoryStorage) {
    users = storage.users
    sessions = storage.sessions
    conversations = storage.conversations
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    passages = storage.passages
    check = {}
    warm = { _ in }
    closing = {}
  }

  private init(_ storage: SQLiteStorage) {
    users = storage.users
    sessions = storage.sessions
    conversations = storage.conversations
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    jobs = storage.jobs
    passages = storage.passages
    check = { try await storage.checkConnection() }
    warm = { try await storage.loadVectors(of: $0) }
    closing = { try storage.close() }
  }

  /// Closes it; no call may follow.
  func close() throws { try closing() }
}

extension StorageFailure {
  /// The failure in words, for whoever runs the process.
  var words: String {
    switch self {
    case .notFound: "not found"
    case .conflict(let what): "\(what) is taken"
    case .unavailable(let why), .corrupt(let why): why
    case .cancelled: "cancelled"
    }
  }
}
