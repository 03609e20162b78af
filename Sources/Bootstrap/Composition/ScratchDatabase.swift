import Domain
import Foundation
import PostgresStorage
import Settings

/// A database of its own on the configured server, for what must not touch the real one; gone when `body` is done.
enum ScratchDatabase {
  /// Makes a database, runs `body` with its URL, and drops it.
  ///
  /// - Throws: what `body` throws; `CommandFailure` when the login may not make databases.
  static func with<Value>(
    _ configuration: ServerConfiguration, _ body: (_ url: String) async throws -> Value
  ) async throws -> Value {
    let owner = try PostgresOpening.migrationURL(configuration)
    let name = "opentier_scratch_\(UUID().hexadecimal)"
    try await run("CREATE DATABASE \(raw: name) ENCODING 'UTF8' TEMPLATE template0", owner)
    let result: Result<Value, any Error>
    do { result = .success(try await body(replacingDatabase(of: owner, by: name))) } catch { result = .failure(error) }
    do { try await run("DROP DATABASE \(raw: name) WITH (FORCE)", owner) } catch {
      Terminal.standard.message("warning: the database \(name) was left behind: \(error)")
    }
    return try result.get()
  }

  /// The URL with another database: what stands between the authority's `/` and the `?`.
  static func replacingDatabase(of url: String, by name: String) -> String {
    guard let scheme = url.range(of: "://") else { return url }
    let rest = url[scheme.upperBound...]
    let authority = rest.prefix { $0 != "/" && $0 != "?" }
    let query = rest.dropFirst(authority.count).drop { $0 != "?" }
    return url[..<scheme.upperBound] + authority + "/" + name + query
  }

  private static func run(_ sql: SQL, _ url: String) async throws(CommandFailure) {
    do {
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: url))
      let result: Result<Int, any Error>
      do { result = .success(try await connection.execute(sql)) } catch { result = .failure(error) }
      await connection.close()
      _ = try result.get()
    } catch let error as PostgresError where error.sqlState == "42501" {
      throw CommandFailure(
        .notAuthorised, "this needs a database of its own, and the login may not make one: ALTER ROLE … CREATEDB")
    } catch let error as PostgresError {
      throw CommandFailure(.unavailable, "the database server refused: \(error.message)")
    } catch let failure as PostgresConfigurationFailure {
      throw CommandFailure(.usage, failure.description)
    } catch {
      throw CommandFailure(.unavailable, "the database server does not answer: check databaseURL, and that it runs")
    }
  }
}
