import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("PostgreSQL: the schema, there and back", .needsPostgres)
struct SchemaRoundTripTests {
  @Test("up, down and up again leaves the same schema, by the server's own catalog")
  func catalog() async throws {
    try await withEmptyDatabase { url in
      let migrator = try PostgresMigrator(url: url)
      let names = try await migrator.up()
      let schema = try await SchemaDescription.read(at: url)
      #expect(schema.contains { $0.hasPrefix("column users.email text") })
      #expect(schema.contains { $0.hasPrefix("policy users.tenant") })
      #expect(try await migrator.down(steps: names.count) == names.reversed())
      #expect(try await migrator.up() == names)
      #expect(try await SchemaDescription.read(at: url) == schema)
    }
  }

  @Test("each migration taken back by itself leaves the schema that was there before it")
  func eachStep() async throws {
    try await withEmptyDatabase { url in
      let migrator = try PostgresMigrator(url: url)
      let names = try await migrator.up()
      var schemas = [try await SchemaDescription.read(at: url)]
      for name in names.reversed() {
        #expect(try await migrator.down(steps: 1) == [name])
        schemas.append(try await SchemaDescription.read(at: url))
      }
      for (index, schema) in schemas.enumerated().dropFirst() {
        // Up by what is above it, and down to it again.
        _ = try await migrator.up()
        _ = try await migrator.down(steps: index)
        #expect(try await SchemaDescription.read(at: url) == schema)
      }
    }
  }

  @Test("with all migrations taken back only the record of migrations and the extension are left")
  func nothingLeft() async throws {
    try await withEmptyDatabase { url in
      let migrator = try PostgresMigrator(url: url)
      try await migrator.down(steps: migrator.up().count)
      #expect(try await SchemaDescription.objects(at: url) == ["table schema_migrations"])
      let extensions = try await PostgresTestServer.execute("SELECT extname FROM pg_extension ORDER BY 1", at: url)
      #expect(extensions == [["plpgsql"], ["vector"]])
    }
  }

  @Test(
    "up, down and up again leaves the same schema, by pg_dump",
    .enabled(
      if: PostgresTestServer.binaries != nil || ProcessInfo.processInfo.environment["CI"] != nil,
      "OPENTIER_TEST_POSTGRES_BIN does not name the folder of pg_dump"))
  func dump() async throws {
    try await withEmptyDatabase { url in
      let migrator = try PostgresMigrator(url: url)
      let names = try await migrator.up()
      let schema = try await Self.dump(url)
      #expect(schema.contains("CREATE TABLE public.users"))
      try await migrator.down(steps: names.count)
      try await migrator.up()
      #expect(try await Self.dump(url) == schema)
    }
  }

  /// What `pg_dump --schema-only` writes, without the random key that newer ones put around it.
  private static func dump(_ url: String) async throws -> String {
    let folder = try #require(PostgresTestServer.binaries)
    let output = FileManager.default.temporaryDirectory.appending(path: "opentier-dump-\(UUID().uuidString).sql")
    defer { try? FileManager.default.removeItem(at: output) }  // It is only a temporary file.
    let process = Process()
    process.executableURL = URL(filePath: folder + "/pg_dump")
    process.arguments = ["--schema-only", "--file", output.path(), "--dbname", url]
    let status: Int32 = try await withCheckedThrowingContinuation { continuation in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    try #require(status == 0)
    return try String(contentsOf: output, encoding: .utf8).split(separator: "\n", omittingEmptySubsequences: false)
      .filter { !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict") }.joined(separator: "\n")
  }
}
