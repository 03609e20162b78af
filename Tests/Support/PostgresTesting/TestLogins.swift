import Foundation

/// Runs `body` with the name of a new login, which is dropped afterwards. What it owns must be gone by then, so a
/// database that it is to own is opened within `body`.
///
/// - Parameter options: as `CREATE ROLE` has them, such as `CREATEROLE`.
package func withLogin<Value>(_ options: String = "", _ body: (String) async throws -> Value) async throws -> Value {
  let server = try PostgresTestServer.required()
  let name = DatabaseName.new("login")
  try await PostgresTestServer.execute("CREATE ROLE \(name) LOGIN \(options)", at: server)
  let result: Result<Value, any Error>
  do { result = .success(try await body(name)) } catch { result = .failure(error) }
  try await PostgresTestServer.execute("DROP ROLE \(name)", at: server)
  return try result.get()
}
