package import FoundationEssentials

/// What a backup holds, so that a restored database can be checked against it.
package struct BackupManifest: Hashable, Sendable, Codable {
  /// The version of this form that ``format`` names.
  package static let currentFormat = 1
  /// What the archive calls it.
  package static let fileName = "manifest.json"

  /// Which database a backup is of.
  package enum Engine: String, Sendable, Codable {
    /// A SQLite file (the `offline` profile).
    case sqlite
    /// What `pg_dump --format=custom` writes (the `production` profile).
    case postgres

    /// What the archive calls the database's own part.
    package var payloadName: String {
      switch self {
      case .sqlite: "opentier.db"
      case .postgres: "opentier.pgdump"
      }
    }
  }

  /// The form of this manifest.
  package let format: Int
  /// The version of the binary that wrote it.
  package let version: String
  /// Which database.
  package let engine: Engine
  /// When.
  package let createdAt: Date
  /// The names of the migrations that were applied, the earliest first.
  package let migrations: [String]
  /// Every table but what an index keeps for itself, by name.
  package let tables: [TableDigest]
  /// The length of the database's part, in bytes.
  package let payloadBytes: Int
  /// Its SHA-256, in hexadecimal.
  package let payloadSHA256: String

  /// Makes a manifest of its parts.
  package init(
    version: String, engine: Engine, createdAt: Date, migrations: [String], tables: [TableDigest], payloadBytes: Int,
    payloadSHA256: String
  ) {
    format = Self.currentFormat
    self.version = version
    self.engine = engine
    self.createdAt = createdAt
    self.migrations = migrations
    self.tables = tables
    self.payloadBytes = payloadBytes
    self.payloadSHA256 = payloadSHA256
  }

  /// The tables that differ, each with what was expected and found; empty when all agree.
  package func differences(from found: [TableDigest]) -> [String] {
    let present = Dictionary(found.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var differences = tables.compactMap { expected -> String? in
      guard let table = present[expected.name] else { return "\(expected.name) is missing" }
      guard table != expected else { return nil }
      return table.rows == expected.rows
        ? "\(expected.name) has \(table.rows) rows, as it should, but not the same"
        : "\(expected.name) has \(table.rows) rows instead of \(expected.rows)"
    }
    let known = Set(tables.map(\.name))
    differences += found.filter { !known.contains($0.name) }.map { "\($0.name) should not be there" }
    return differences
  }
}
