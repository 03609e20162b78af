package import FoundationEssentials

/// What a database says was applied to it.
package struct AppliedMigration: Hashable, Sendable {
  /// `<timestamp>_<name>`.
  package let name: String
  /// SHA-256 of the file that was applied, 64 hexadecimal digits.
  package let checksum: String
  /// When it was applied.
  package let time: Date

  package init(name: String, checksum: String, time: Date) {
    self.name = name
    self.checksum = checksum
    self.time = time
  }
}

/// A migration as `migrate status` shows it.
package struct MigrationStatus: Hashable, Sendable {
  /// `<timestamp>_<name>`.
  package let name: String
  /// When it was applied, or `nil` while it was not.
  package let appliedAt: Date?
}

/// The files of a schema beside what was applied of them to one database.
package struct MigrationHistory: Sendable {
  /// All files, the earliest first, and when each was applied.
  package let status: [MigrationStatus]
  /// The earliest that was not applied.
  package let next: Migration?
  /// The latest that was applied.
  package let last: Migration?

  /// Sets the files beside what was applied.
  ///
  /// - Parameter migrations: in the order of their names, as `Migration.read` gives them.
  /// - Throws: `.newerDatabase`, `.missing`, `.changed` or `.outOfOrder` for a database that these files did not make.
  package init(of migrations: [Migration], applied: [AppliedMigration]) throws(MigrationFailure) {
    let times = try Self.check(applied, against: migrations)
    status = migrations.map { MigrationStatus(name: $0.name, appliedAt: times[$0.name]) }
    next = migrations.first { times[$0.name] == nil }
    last = migrations.last { times[$0.name] != nil }
  }

  private static func check(
    _ applied: [AppliedMigration], against migrations: [Migration]
  ) throws(MigrationFailure) -> [String: Date] {
    let known = Dictionary(uniqueKeysWithValues: migrations.map { ($0.name, $0) })
    var times: [String: Date] = [:]
    for entry in applied.sorted(by: { $0.name < $1.name }) {
      guard let migration = known[entry.name] else {
        throw (migrations.last.map { $0.name < entry.name } ?? true) ? .newerDatabase(entry.name) : .missing(entry.name)
      }
      guard migration.checksum == entry.checksum else { throw .changed(entry.name) }
      times[entry.name] = entry.time
    }
    if let last = times.keys.max(), let skipped = migrations.first(where: { $0.name < last && times[$0.name] == nil }) {
      throw .outOfOrder(skipped.name)
    }
    return times
  }
}
