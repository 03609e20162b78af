import Domain
import Foundation
import PostgresTesting

/// Fills every table with random rows of a tenant, as a superuser, whom row-level security does not stop.
struct RandomRows {
  let url: String
  let tables: [TenantTable]

  /// How many rows a tenant gets in a table.
  static func count(in table: TenantTable) -> Int { table.isOnePerTenant ? 1 : 3 }

  /// Adds rows to all tables, all or none.
  ///
  /// What may not be written twice is random, so what fails by chance succeeds later; a check of several columns may
  /// hold only when those that may be missing are.
  func fill(_ organization: OrganizationID) async throws {
    for attempt in 1... {
      do {
        var statements: [String] = []
        for table in tables {
          for place in 0..<Self.count(in: table) {
            statements.append(
              try insertion(into: table, of: organization, place: place, leavingOut: attempt > 3 ? 1 : 0.3))
          }
        }
        try await PostgresTestServer.execute(statements.joined(separator: ";\n"), at: url)
        return
      } catch let failure as PostgresTestFailure where ["23505", "23514"].contains(failure.sqlState) && attempt < 6 {
        continue
      }
    }
  }

  private func insertion(
    into table: TenantTable, of organization: OrganizationID, place: Int, leavingOut share: Double
  ) throws -> String {
    var values = [table.tenantColumn: "'\(organization)'::uuid"]
    var sources = ["(SELECT 1) AS start"]
    let tenants = Dictionary(uniqueKeysWithValues: tables.map { ($0.name, $0.tenantColumn) })
    for (index, key) in table.foreignKeys.enumerated() {
      let columns = Dictionary(uniqueKeysWithValues: table.columns.map { ($0.name, $0) })
      let pairs = Array(zip(key.columns, key.parentColumns))
      let free = pairs.filter { values[$0.0] == nil }
      if key.parent == table.name, let optional = free.first(where: { columns[$0.0]?.isNullable == true }) {
        values[optional.0] = "NULL"
        continue
      }
      var conditions = pairs.compactMap { pair in values[pair.0].map { "\(pair.1) = \($0)" } }
      if let tenant = tenants[key.parent] { conditions.append("\(tenant) = '\(organization)'") }
      sources.append(
        "LATERAL (SELECT * FROM \(key.parent) WHERE \((conditions + ["true"]).joined(separator: " AND ")) "
          + "ORDER BY ctid OFFSET \(place) LIMIT 1) AS parent\(index)")
      for pair in free { values[pair.0] = "parent\(index).\(pair.1)" }
    }
    for column in table.writable where values[column.name] == nil && !column.isIdentity {
      let isLeftOut = column.isNullable && Double.random(in: 0..<1) < share
      values[column.name] = isLeftOut ? "NULL" : try RandomValue.literal(for: column, in: table.name)
    }
    let names = values.keys.sorted()
    return """
      INSERT INTO \(table.name) (\(names.joined(separator: ", ")))
      SELECT \(names.compactMap { values[$0] }.joined(separator: ", ")) FROM \(sources.joined(separator: ", "))
      """
  }
}

/// Random values by type, as SQL literals.
enum RandomValue {
  static func literal(for column: TenantTable.Column, in table: String) throws -> String {
    let number = Int.random(in: 1...1000)
    let dimensions = column.modifier > 0 ? column.modifier : 3
    if let label = column.labels.randomElement() { return "'\(label)'" }
    switch column.type {
    case "uuid": return "'\(UUID())'"
    case "text", "varchar", "name": return "'\(UUID().uuidString.lowercased())'"
    case "bytea": return "'\\x\((0..<64).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined())'"
    case "int2", "int4", "int8", "numeric": return "\(number)"
    case "float4", "float8": return "\(Double(number) / 7)"
    case "bool": return Bool.random() ? "true" : "false"
    case "timestamptz", "timestamp", "date": return "timestamptz '2026-01-01' + interval '\(number) hours'"
    case "interval": return "'\(number) hours'"
    case "inet": return "'10.0.\(number % 256).1'"
    case "jsonb", "json": return "'{}'"
    case "tsvector": return "'w\(number):1'"
    case "vector", "halfvec": return "'[\((0..<dimensions).map { _ in "0.5" }.joined(separator: ","))]'"
    case "sparsevec": return "'{1:0.5}/\(dimensions)'"
    case let type where type.hasPrefix("_"): return "'{}'"
    default:
      throw PostgresTestFailure("\(table).\(column.name): there is no random value of the type \(column.type) yet")
    }
  }
}
