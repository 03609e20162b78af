import Domain
import Foundation
import PostgresStorage
import PostgresTesting
import Testing

@Suite("Values there and back", .needsPostgres)
struct TypeRoundTripTests {
  private func check<Value: PostgresEncodable & PostgresDecodable & Equatable & Sendable>(
    _ type: String, _ values: [Value], on connection: PostgresConnection
  ) async throws {
    for value in values {
      let row = try #require(try await connection.first("SELECT \(value)::\(raw: type) AS v, NULL::\(raw: type) AS n"))
      #expect(try row.value("v", as: Value.self) == value)
      #expect(try row.optional("v", as: Value.self) == value)
      #expect(try row.optional("n", as: Value.self) == nil)
    }
  }

  @Test("scalars come back as they went, with their extremes")
  func scalars() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      try await check("boolean", [true, false], on: connection)
      try await check("bigint", [0, 1, -1, Int.max, Int.min], on: connection)
      try await check("bigint", [Int64.max, Int64.min], on: connection)
      try await check("integer", [Int(Int32.max), Int(Int32.min)], on: connection)
      try await check("smallint", [-32768, 32767], on: connection)
      let doubles = [0, -0.0, 0.1, .pi, .infinity, -.infinity, Double.leastNonzeroMagnitude, .greatestFiniteMagnitude]
      try await check("double precision", doubles, on: connection)
      #expect(try await connection.rows("SELECT \(Double.nan) AS v")[0].value("v", as: Double.self).isNaN)
      #expect(
        try await connection.rows("SELECT \(Float(0.1)) AS v")[0].value("v", as: Double.self) == Double(Float(0.1)))
      let texts = ["", " ", "a'b\"c\\d$1\n\t", "ä 漢字 🦊 e\u{301} \u{FFFF}", String(repeating: "ж", count: 99_999)]
      try await check("text", texts, on: connection)
      try await check("varchar(10)", ["", "0123456789"], on: connection)
      try await check("uuid", [UUID(), UUID(uuid: (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))], on: connection)
      let bytes = [Data(), Data([0, 255, 92, 39]), Data((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })]
      try await check("bytea", bytes, on: connection)
      try await check("bytea", bytes.map { Array($0) }, on: connection)
      await connection.close()
    }
  }

  @Test("a time is exact to the microsecond, both ways")
  func times() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      let microseconds: [Int64] = [
        0, 1, -1, 946_684_800_000_000, 946_684_799_999_999, 1_795_250_000_123_457, 4_102_444_799_999_999,
        -2_208_988_799_999_999,
      ]
      for value in microseconds {
        let time = Date(microseconds: value)
        let sql: SQL = """
          SELECT \(time) AS there, (extract(epoch FROM \(time)) * 1000000)::bigint AS stored,
            'epoch'::timestamptz + \(value) * interval '1 microsecond' AS back
          """
        let row = try #require(try await connection.first(sql))
        #expect(try row.time("there").microseconds == value)
        #expect(try row.value("stored", as: Int64.self) == value)
        #expect(try row.time("back") == time)
      }
      let row = try #require(
        try await connection.first("SELECT 'infinity'::timestamptz AS i, '-infinity'::timestamptz AS m")
      )
      #expect(throws: (any Error).self) { try row.time("i") }
      #expect(throws: (any Error).self) { try row.time("m") }
      await connection.close()
    }
  }

  @Test("arrays come back as they went, the empty ones and those that hold NULL too")
  func arrays() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      try await check(
        "text[]", [[], [""], ["a", "NULL", "{},\"\\"], Array(repeating: "x", count: 10_000)], on: connection)
      try await check("uuid[]", [[], [UUID(), UUID()]], on: connection)
      try await check("bigint[]", [[], [Int.min, 0, Int.max]], on: connection)
      try await check("double precision[]", [[], [0.1, -.infinity]], on: connection)
      try await check("timestamptz[]", [[], [Date(microseconds: 1), Date(microseconds: -1)]], on: connection)
      try await check("boolean[]", [[], [true, false]], on: connection)
      try await check("bytea[]", [[], [Data(), Data([0])]], on: connection)
      let ids: [UserID] = [UserID(UUID()), UserID(UUID())]
      let row = try #require(try await connection.first("SELECT \(ids) AS ids, \([Int32(1), 2]) AS small"))
      #expect(try row.value("ids", as: [UUID].self) == ids.map(\.uuid))
      #expect(try row.value("small", as: [Int].self) == [1, 2])
      let optional: [String?] = ["a", nil]
      let sql: SQL = "SELECT \(optional)::text[] IS NOT DISTINCT FROM ARRAY['a', NULL] AS same, \(optional) AS v"
      let nulls = try #require(try await connection.first(sql))
      #expect(try nulls.value("same", as: Bool.self))
      #expect(throws: (any Error).self) { try nulls.value("v", as: [String].self) }
      await connection.close()
    }
  }

  @Test("JSON, enumerations and vectors come back as they went")
  func others() async throws {
    enum Mood: String { case sad, happy = "very happy" }
    struct Value: Codable, Hashable { var a: [Int]; var b: String? }
    try await withTestedDatabase { tested in
      try await tested.admin("CREATE TYPE mood AS ENUM ('sad', 'very happy'); CREATE EXTENSION vector")
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      let value = Value(a: [1, 2], b: "ä\"\\")
      let none: Mood? = nil
      let sparse = SparseVector(
        dimensions: 9, entries: [(index: 8, value: 2), (index: 0, value: 1), (index: 3, value: 0)])
      let embedding = Embedding((0..<384).map { Float($0) / 384 })
      let sql: SQL = """
        SELECT \(try JSONB(value)) AS j, \(JSONB(text: "[1]")) AS t, \(try JSONB(value))::json AS plain,
          \(enumeration: Mood.happy)::mood AS m, \(enumeration: none)::mood AS n, ARRAY['sad']::mood[] AS list,
          \(embedding)::vector AS v, \(HalfVector(embedding))::halfvec AS h,
          (\(sparse)::sparsevec)::text AS s
        """
      let row = try #require(try await connection.first(sql))
      #expect(try row.json("j", as: Value.self) == value)
      #expect(try row.json("plain", as: Value.self) == value)
      #expect(try row.value("t", as: String.self) == "[1]")
      #expect(try row.enumeration("m", of: Mood.self) == .happy)
      #expect(try row.optionalEnumeration("n", of: Mood.self) == nil)
      #expect(try row.value("list", as: [String].self) == ["sad"])
      #expect(try row.value("v", as: Embedding.self) == embedding)
      #expect(try row.value("h", as: Embedding.self).cosine(embedding) / embedding.cosine(embedding) > 0.999)
      #expect(try row.value("s", as: String.self) == "{1:1,9:2}/9")
      await connection.close()
    }
  }

  @Test("a value of another type, NULL and a missing column are errors, never a stop of the process")
  func unreadable() async throws {
    try await withTestedDatabase { tested in
      let connection = try await PostgresConnection.connect(PostgresConfiguration(url: tested.url))
      let sql: SQL = "SELECT 1 AS i, 'x'::text AS t, NULL::text AS n, '\\x01'::bytea AS b, now() AS d, 'Ä' AS \"Ä\""
      let row = try #require(try await connection.first(sql))
      #expect(throws: (any Error).self) { try row.value("i", as: String.self) }
      #expect(throws: (any Error).self) { try row.value("i", as: [Int].self) }
      #expect(throws: (any Error).self) { try row.value("t", as: Int.self) }
      #expect(throws: (any Error).self) { try row.value("t", as: Data.self) }
      #expect(throws: (any Error).self) { try row.value("n", as: String.self) }
      #expect(throws: (any Error).self) { try row.value("b", as: [Int].self) }
      #expect(throws: (any Error).self) { try row.value("b", as: UUID.self) }
      #expect(throws: (any Error).self) { try row.value("d", as: Int.self) }
      #expect(throws: (any Error).self) { try row.value("I", as: Int.self) }
      #expect(throws: (any Error).self) { try row.optional("missing", as: Int.self) }
      #expect(try row.value("Ä", as: String.self) == "Ä")
      await connection.close()
    }
  }

  @Test("values and answers of tens of megabytes pass")
  func large() async throws {
    try await withTestedDatabase { tested in
      let bytes = [UInt8](repeating: 0x5A, count: 100_000_000)
      let rows = try await tested.database.query(
        in: nil,
        "SELECT length(\(bytes)) AS n, md5(\(bytes)) = md5(repeat('Z', 100000000)) AS same"
      )
      #expect(try rows[0].value("n", as: Int.self) == 100_000_000)
      #expect(try rows[0].value("same", as: Bool.self))
      let answer = try await tested.database.read(in: nil) { transaction in
        try await transaction.rows("SELECT repeat('y', 50000000) AS v UNION ALL SELECT 'end'")
      }
      #expect(try answer[0].value("v", as: String.self).utf8.count == 50_000_000)
      #expect(try answer[1].value("v", as: String.self) == "end")
      let many = try await tested.database.query(in: nil, "SELECT n FROM generate_series(1, 300000) AS n")
      #expect(many.count == 300_000)
      #expect(try many[299_999].value("n", as: Int.self) == 300_000)
    }
  }
}
