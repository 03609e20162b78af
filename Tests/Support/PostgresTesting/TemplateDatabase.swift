import Foundation
import PostgresStorage
import Synchronization

/// The database that `withMigratedDatabase` copies: migrated once in a process, and dropped when the process ends.
actor TemplateDatabase {
  static let shared = TemplateDatabase()

  private var making: Task<String, any Error>?

  /// Its name; the first caller makes it.
  func name() async throws -> String {
    if let making { return try await making.value }
    let task = Task { try await Self.make() }
    making = task
    return try await task.value
  }

  private static func make() async throws -> String {
    let server = try PostgresTestServer.required()
    try await dropAbandoned(at: server)
    let name = DatabaseName.new("template")
    try await createDatabase(name, template: nil, at: server)
    droppedAtExit.withLock { $0 = (server, name) }
    atexit {
      guard let (server, name) = droppedAtExit.withLock({ $0 }) else { return }
      // Nobody is left to tell; a later run drops what is over two hours old.
      _ = try? PostgresTestServer.executeBlocking("DROP DATABASE \(name) WITH (FORCE)", at: server)
    }
    try await PostgresMigrator(url: PostgresTestServer.url(ofDatabase: name)).up()
    // Nobody is in the template while it is copied.
    try await PostgresTestServer.execute("ALTER DATABASE \(name) ALLOW_CONNECTIONS false", at: server)
    return name
  }

  private static func dropAbandoned(at server: String) async throws {
    for row in try await PostgresTestServer.execute(DatabaseName.abandoned, at: server) {
      guard let name = row.first ?? nil else { continue }
      // Another run may be dropping the same one in this moment; what is left, a later run finds again.
      _ = try? await PostgresTestServer.execute("DROP DATABASE IF EXISTS \(name) WITH (FORCE)", at: server)
    }
  }
}

/// The server and the template to drop when the process ends.
private let droppedAtExit = Mutex<(server: String, name: String)?>(nil)
