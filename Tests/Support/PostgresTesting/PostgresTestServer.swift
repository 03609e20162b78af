import Foundation
package import Testing

/// The PostgreSQL server that tests run against: a real one, as a superuser. Each test makes databases of its own in it.
package enum PostgresTestServer {
  /// A superuser's connection URL from `OPENTIER_TEST_POSTGRES_URL`, such as
  /// `postgresql://postgres@127.0.0.1:55432/postgres`, or `nil` where there is no server.
  package static var url: String? { variable("OPENTIER_TEST_POSTGRES_URL") }

  /// The folder of `pg_dump` and the server's other programs from `OPENTIER_TEST_POSTGRES_BIN`, or `nil`.
  package static var binaries: String? { variable("OPENTIER_TEST_POSTGRES_BIN") }

  /// Whether tests that need the server are to run: not on a laptop without one, but always in CI, where a missing
  /// server is a failure.
  package static var isWanted: Bool { url != nil || isContinuousIntegration }

  /// The server's URL.
  ///
  /// - Throws: where there is no server, the cancellation of the test, which shows as skipped; in CI a failure.
  package static func required() throws -> String {
    if let url { return url }
    guard !isContinuousIntegration else { throw PostgresTestFailure(missing) }
    #if compiler(>=6.3)
    try Test.cancel(Comment(rawValue: missing))
    #else
    throw PostgresTestFailure(missing)
    #endif
  }

  /// The same server and login with another database.
  package static func url(ofDatabase name: String) throws -> String {
    try changing(required()) { $0.path = "/" + name }
  }

  /// The same server and database as another login.
  package static func url(_ url: String, asLogin login: String, password: String? = nil) throws -> String {
    try changing(url) { components in
      components.user = login
      components.password = password
    }
  }

  /// The name of the database in a URL.
  package static func databaseName(in url: String) throws -> String {
    guard let components = URLComponents(string: url), components.path.count > 1 else { throw malformed(url) }
    return String(components.path.dropFirst())
  }

  static let missing = "there is no PostgreSQL server for tests: set OPENTIER_TEST_POSTGRES_URL to a superuser's URL"

  private static var isContinuousIntegration: Bool { variable("CI") != nil }

  private static func changing(_ url: String, _ change: (inout URLComponents) -> Void) throws -> String {
    guard var components = URLComponents(string: url) else { throw malformed(url) }
    change(&components)
    guard let changed = components.string else { throw malformed(url) }
    return changed
  }

  private static func malformed(_ url: String) -> PostgresTestFailure {
    PostgresTestFailure("not a URL of the form postgresql://login@host:port/database: \(url)")
  }

  private static func variable(_ name: String) -> String? {
    ProcessInfo.processInfo.environment[name].flatMap { $0.isEmpty ? nil : $0 }
  }
}

/// What went wrong with the server that tests use.
package struct PostgresTestFailure: Error, CustomStringConvertible {
  /// In the words of the server or of this target.
  package let description: String
  /// The five characters of the SQL state, where the server gave one.
  package let sqlState: String?

  package init(_ description: String, sqlState: String? = nil) {
    self.description = description
    self.sqlState = sqlState
  }
}

extension Trait where Self == ConditionTrait {
  /// Skips where there is no PostgreSQL server for tests, but not in CI.
  package static var needsPostgres: Self {
    .enabled(if: PostgresTestServer.isWanted, Comment(rawValue: PostgresTestServer.missing))
  }
}
