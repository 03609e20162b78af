import Foundation

/// Runs `body` with the URL of an empty database of its own, which is dropped afterwards.
package func withEmptyDatabase<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  try await withDatabase(template: nil, body)
}

/// Runs `body` with the URL of a database of its own that has the whole schema, which is dropped afterwards.
package func withMigratedDatabase<Value>(_ body: (String) async throws -> Value) async throws -> Value {
  _ = try PostgresTestServer.required()
  let template = try await TemplateDatabase.shared.name()
  return try await withDatabase(template: template, body)
}

private func withDatabase<Value>(
  template: String?, _ body: (String) async throws -> Value
) async throws -> Value {
  let server = try PostgresTestServer.required()
  return try await DatabasePlaces.shared.withPlace {
    let name = DatabaseName.new("test")
    let url = try PostgresTestServer.url(ofDatabase: name)
    try await createDatabase(name, template: template, at: server)
    let result: Result<Value, any Error>
    do { result = .success(try await body(url)) } catch { result = .failure(error) }
    try await PostgresTestServer.execute("DROP DATABASE \(name) WITH (FORCE)", at: server)
    return try result.get()
  }
}

/// Makes a database, again where somebody is about to leave the template.
func createDatabase(_ name: String, template: String?, at server: String) async throws {
  let source = template.map { "TEMPLATE \($0)" } ?? "TEMPLATE template0 ENCODING 'UTF8'"
  for attempt in 1... {
    do {
      try await PostgresTestServer.execute("CREATE DATABASE \(name) \(source)", at: server)
      return
    } catch let failure as PostgresTestFailure where failure.sqlState == "55006" && attempt < 5 {
      // object_in_use: the server waited five seconds already.
      continue
    }
  }
}

/// Names that tell which databases a run that was killed has left behind.
enum DatabaseName {
  static let prefix = "opentier_testing"

  /// A name of its own with the time in it: `opentier_testing_test_1795250000_0f…`.
  static func new(_ purpose: String) -> String {
    // A name has 63 bytes at most.
    let random = UUID().uuidString.lowercased().filter { $0 != "-" }.prefix(16)
    return "\(prefix)_\(purpose)_\(Int(Date.now.timeIntervalSince1970))_\(random)"
  }

  /// The statement that lists the databases of runs that began over two hours ago.
  static let abandoned = """
    SELECT datname FROM pg_database
    WHERE datname ~ '^\(prefix)_[a-z]+_[0-9]+_'
      AND split_part(datname, '_', 4)::bigint < extract(epoch FROM now()) - 7200
    """
}

/// Bounds how many databases are open at once, because a server has only so many connections and every test of a run
/// starts at once.
actor DatabasePlaces {
  static let shared = DatabasePlaces()
  /// Whether this task has a place already: who opens a second database within the first must not wait for a place that
  /// only others' waiting keeps taken.
  @TaskLocal private static var isInside = false

  private var free = 8
  private var waiting: [CheckedContinuation<Void, Never>] = []

  nonisolated func withPlace<Value>(_ body: () async throws -> Value) async throws -> Value {
    if Self.isInside { return try await body() }
    await take()
    let result: Result<Value, any Error>
    do { result = .success(try await Self.$isInside.withValue(true) { try await body() }) } catch {
      result = .failure(error)
    }
    await giveBack()
    return try result.get()
  }

  private func take() async {
    if free > 0 {
      free -= 1
    } else {
      await withCheckedContinuation { waiting.append($0) }
    }
  }

  private func giveBack() {
    if waiting.isEmpty {
      free += 1
    } else {
      waiting.removeFirst().resume()
    }
  }
}
