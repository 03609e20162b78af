import PostgresTesting

/// A table with a tenant, as the catalog describes it: what the tests fill and read is found there, so that a table
/// that is new is tested without anybody thinking of it.
struct TenantTable: Sendable {
  struct Column: Sendable {
    let name: String
    /// The type's name without its modifier, such as `varchar` or `_text`.
    let type: String
    /// The modifier, such as a vector's dimensions, or -1.
    let modifier: Int
    let isNullable: Bool
    /// Whether the server makes its values, always.
    let isGenerated: Bool
    let isIdentity: Bool
    /// The labels of an enumeration.
    let labels: [String]
  }

  struct ForeignKey: Sendable {
    let parent: String
    let columns: [String]
    let parentColumns: [String]
  }

  let name: String
  let columns: [Column]
  let foreignKeys: [ForeignKey]
  /// Whether a tenant can have one row at most.
  let isOnePerTenant: Bool

  /// The column that says whose a row is.
  var tenantColumn: String { name == "organizations" ? "id" : "organization_id" }

  /// The columns that can be written.
  var writable: [Column] { columns.filter { !$0.isGenerated } }

  /// All of them, parents first.
  static func all(at url: String) async throws -> [TenantTable] {
    let columns = try await PostgresTestServer.execute(columnQuery, at: url)
    let keys = try await PostgresTestServer.execute(keyQuery, at: url)
    let single = Set(try await PostgresTestServer.execute(singleQuery, at: url).compactMap { $0[0] })
    var tables: [TenantTable] = []
    for name in Set(columns.compactMap { $0[0] }).sorted() {
      tables.append(
        TenantTable(
          name: name, columns: columns.filter { $0[0] == name }.map(Column.init),
          foreignKeys: keys.filter { $0[0] == name }.map(ForeignKey.init), isOnePerTenant: single.contains(name)))
    }
    return sorted(tables)
  }

  /// Parents before those that refer to them; a table may refer to itself.
  private static func sorted(_ tables: [TenantTable]) -> [TenantTable] {
    var rest = tables
    var sorted: [TenantTable] = []
    while !rest.isEmpty {
      let waiting = Set(rest.map(\.name))
      let ready = rest.filter { table in
        table.foreignKeys.allSatisfy { $0.parent == table.name || !waiting.contains($0.parent) }
      }
      // A ring of references cannot be filled in any order; the first insert into it fails and says where.
      if ready.isEmpty { return sorted + rest }
      sorted += ready
      let done = Set(ready.map(\.name))
      rest.removeAll { done.contains($0.name) }
    }
    return sorted
  }

  private static let columnQuery = """
    SELECT c.relname, a.attname, t.typname, a.atttypmod, NOT a.attnotnull, a.attgenerated <> '', a.attidentity <> '',
      (SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid)
    FROM pg_class AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND (c.relname = 'organizations'
      OR EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'organization_id' AND NOT attisdropped))
    ORDER BY c.relname, a.attnum
    """

  /// Tables with a unique index on the tenant alone.
  private static let singleQuery = """
    SELECT i.indrelid::regclass FROM pg_index AS i
    JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    WHERE i.indisunique AND i.indnkeyatts = 1 AND i.indpred IS NULL
      AND (a.attname = 'organization_id' OR a.attname = 'id' AND i.indrelid = to_regclass('organizations'))
    """

  private static let keyQuery = """
    SELECT k.conrelid::regclass, k.confrelid::regclass,
      (SELECT string_agg(a.attname, ',' ORDER BY n) FROM unnest(k.conkey) WITH ORDINALITY AS u (num, n)
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = num),
      (SELECT string_agg(a.attname, ',' ORDER BY n) FROM unnest(k.confkey) WITH ORDINALITY AS u (num, n)
        JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = num)
    FROM pg_constraint AS k
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace ORDER BY k.conrelid, k.conname
    """
}

extension TenantTable.Column {
  fileprivate init(_ row: [String?]) {
    name = row[1] ?? ""
    type = row[2] ?? ""
    modifier = row[3].flatMap { Int($0) } ?? -1
    isNullable = row[4] == "t"
    isGenerated = row[5] == "t"
    isIdentity = row[6] == "t"
    labels = row[7]?.split(separator: ",").map(String.init) ?? []
  }
}

extension TenantTable.ForeignKey {
  fileprivate init(_ row: [String?]) {
    parent = row[1] ?? ""
    columns = row[2]?.split(separator: ",").map(String.init) ?? []
    parentColumns = row[3]?.split(separator: ",").map(String.init) ?? []
  }
}
