import Application
import Testing

@testable import PostgresStorage

@Suite("What the database's errors become")
struct StorageFailureMappingTests {
  private static let secret = "driver words"

  private static func failure(_ sqlState: String, constraint: String? = nil) -> StorageFailure {
    StorageFailure(PostgresError(sqlState: sqlState, message: secret, constraint: constraint))
  }

  @Test(
    "a unique value that is taken is a conflict by its name",
    arguments: [
      ("users_live_email", "email"), ("users_pkey", "user"), ("sessions_session_token", "token"),
      ("sessions_pkey", "session"), ("conversations_pkey", "conversation"), ("chat_messages_pkey", "message"),
      ("knowledge_submissions_pkey", "submission"), ("documents_pkey", "document"), ("documents_source", "source"),
      ("document_revisions_pkey", "revision"), ("document_revisions_document_id_number_key", "revision"),
      ("document_chunks_revision_id_ordinal_key", "chunk"), ("ingestion_jobs_pkey", "job"), ("outbox_pkey", "event"),
      ("another_key", "id"),
    ]
  )
  func conflicts(constraint: String, name: String) {
    #expect(Self.failure("23505", constraint: constraint) == .conflict(name))
  }

  @Test(
    "each failure says what to do",
    arguments: [
      ("57014", "raise the time-out"), ("53300", "raise max_connections"),
      ("53200", "out of memory"), ("25006", "primary server"), ("42501", "opentier migrate up"),
      ("42P01", "opentier migrate up"), ("42704", "opentier migrate up"), ("40001", "try again"),
      ("40P01", "try again"), ("57P01", "try again"), ("57P03", "try again"), ("08006", "try again"),
      ("58030", "see its log"),
    ]
  )
  func unavailable(sqlState: String, words: String) throws {
    guard case .unavailable(let message) = Self.failure(sqlState) else {
      Issue.record("\(Self.failure(sqlState))")
      return
    }
    #expect(message.contains(words))
    #expect(!message.contains(Self.secret))
  }

  @Test(
    "no room on the server's disk is told as such, whatever code it comes with",
    arguments: [
      ("53100", secret), ("58030", "could not write to file: No space left on device"),
      ("XX000", "could not write block 1: Disk quota exceeded"),
    ]
  )
  func full(sqlState: String, words: String) {
    let told = StorageFailure.full(
      "the disk of the database server is full: make room there; writing works again by itself")
    #expect(StorageFailure(PostgresError(sqlState: sqlState, message: words)) == told)
    #expect(PostgresError(sqlState: sqlState, message: words).saysDiskIsFull)
    #expect(!PostgresError(sqlState: "58030", message: "could not read block 1").saysDiskIsFull)
  }

  @Test("a server that has no room for another connection's process says so")
  func fullAtConnecting() {
    let words = "connection failed: FATAL:  53100: could not write init file: No space left on device"
    let failure = PostgresConnectionFailure(connecting: words)
    #expect(failure == .refused(sqlState: "53100"))
    #expect(StorageFailure(failure) == StorageFailure(PostgresError(sqlState: "53100", message: "")))
    #expect(PostgresError.isOfFullDisk(words) && PostgresError.isOfFullDisk("FATAL:  53100: gone"))
  }

  @Test("a missing parent is not found, and what does not fit the schema is corrupt")
  func others() {
    #expect(Self.failure("23503") == .notFound)
    for sqlState in ["22021", "22P05", "23502", "23514", "22003", "42601", "XX001"] {
      guard case .corrupt(let message) = Self.failure(sqlState) else {
        Issue.record("\(sqlState) is \(Self.failure(sqlState))")
        continue
      }
      #expect(!message.contains(Self.secret))
    }
    #expect(StorageFailure(UnreadableValue(column: "title")) == .corrupt("title cannot be read back"))
  }

  @Test(
    "why there is no connection is told by what the operator can change",
    arguments: [
      (PostgresConnectionFailure.refused(sqlState: "28P01"), "password"), (.refused(sqlState: "28000"), "pg_hba.conf"),
      (.refused(sqlState: "3D000"), "does not exist"), (.refused(sqlState: "53300"), "max_connections"),
      (.refused(sqlState: "57P03"), "starting up"), (.unreachable, "host and port"), (.unknownHost, "host name"),
      (.tlsRefused, "sslmode"), (.connectTimeout, "in time"), (.exhausted, "in use"), (.closed, "stopping"),
      (.lost(.afterSending), "nothing was written"), (.outcomeUnknown, "unknown whether the change was made"),
    ]
  )
  func connections(failure: PostgresConnectionFailure, words: String) {
    guard case .unavailable(let message) = StorageFailure(failure) else {
      Issue.record("\(StorageFailure(failure))")
      return
    }
    #expect(message.contains(words))
  }

  @Test("a port's own failure and a cancellation pass through")
  func passingThrough() {
    #expect(StorageFailure(StorageFailure.conflict("state")) == .conflict("state"))
    #expect(StorageFailure(CancellationError()) == .cancelled)
  }

  @Test("an error's words for the log leave out those that quote values")
  func quotedValues() {
    #expect(PostgresError(sqlState: "22P02", message: "invalid input: \"x\"").messageWithoutValues == "")
    #expect(PostgresError(sqlState: "23505", message: "duplicate").messageWithoutValues == "")
    #expect(PostgresError(sqlState: "42P01", message: "no table").messageWithoutValues == "no table")
  }
}
