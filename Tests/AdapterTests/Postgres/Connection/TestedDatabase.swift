import Domain
import Foundation
import PostgresTesting
import Synchronization

@testable import PostgresStorage

/// A database of its own with the application's role, and the pool that is tested.
struct TestedDatabase: Sendable {
  let url: String
  let database: PostgresDatabase
  let events: EventLog

  var pool: PostgresPool { database.pool }

  /// Runs a statement as the superuser on another connection.
  @discardableResult
  func admin(_ sql: String) async throws -> [[String?]] { try await PostgresTestServer.execute(sql, at: url) }

  /// Evaluates an expression as the superuser until it is true; false when that takes more than 10 s.
  func eventually(_ sql: String) async throws -> Bool {
    try await Self.eventually { try await admin("SELECT (\(sql))::text") == [["true"]] }
  }

  /// Ends every other connection to the database.
  func terminateOthers() async throws {
    try await admin("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \(Self.others)")
  }

  /// Whether nobody else is connected to the database, at the latest after a while.
  func isLeft() async throws -> Bool {
    try await eventually("NOT EXISTS (SELECT FROM pg_stat_activity WHERE \(Self.others))")
  }

  /// Whether so many statements sleep on the server, at the latest after a while.
  func hasSleeping(_ count: Int = 1) async throws -> Bool {
    let sleeping = "state = 'active' AND query LIKE 'SELECT pg_sleep%'"
    return try await eventually(
      "\(count) = (SELECT count(*) FROM pg_stat_activity WHERE \(Self.others) AND \(sleeping))")
  }

  private static let others = "datname = current_database() AND pid <> pg_backend_pid()"

  /// Looks until something holds; false when that takes more than 10 s.
  static func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
      if try await condition() { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }
}

/// Collects what is told on any thread.
final class Log<Element: Sendable>: Sendable {
  private let elements = Mutex<[Element]>([])

  var all: [Element] { elements.withLock { $0 } }

  func add(_ element: Element) { elements.withLock { $0.append(element) } }
}

/// Counts up and down on any thread.
final class Counter: Sendable {
  private let state = Mutex((now: 0, most: 0))

  var now: Int { state.withLock(\.now) }
  var most: Int { state.withLock(\.most) }

  /// Adds and gives the sum.
  @discardableResult
  func add(_ number: Int = 1) -> Int {
    state.withLock { state in
      state.now += number
      state.most = max(state.most, state.now)
      return state.now
    }
  }
}

/// What the diagnostics are told.
typealias EventLog = Log<PostgresEvent>

/// Runs `body` with a database of its own; the pool is closed and the database dropped afterwards.
func withTestedDatabase(
  _ configure: (inout PostgresConfiguration) -> Void = { _ in },
  _ body: (TestedDatabase) async throws -> Void
) async throws {
  try await withEmptyDatabase { url in
    try await PostgresTestServer.execute(applicationRole, at: url)
    var configuration = try PostgresConfiguration(url: url)
    configuration.minimumConnections = 0
    // A machine with much else to do is no failure.
    configuration.connectTimeout = 30
    configure(&configuration)
    let events = EventLog()
    let database = PostgresDatabase(configuration: configuration, diagnostics: events.add)
    do {
      try await body(TestedDatabase(url: url, database: database, events: events))
    } catch {
      await database.close(grace: 1)
      throw error
    }
    await database.close(grace: 1)
  }
}

/// What a migration does for the role; others may make it at the same time.
let applicationRole = """
  DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'opentier_app') THEN CREATE ROLE opentier_app NOLOGIN; END IF;
  EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
  END $$;
  GRANT ALL ON SCHEMA public TO opentier_app;
  """

let someOrganization = OrganizationID(UUID())

/// What `body` throws.
func failure(of body: () async throws -> Void) async -> (any Error)? {
  do {
    try await body()
    return nil
  } catch {
    return error
  }
}
