/// Why the schema was not brought up to date; nothing of the failed migration is kept.
package enum MigrationFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// A migration that was applied has other contents now.
  case changed(String)
  /// A migration that was applied is not among the files, though later ones are.
  case missing(String)
  /// The database has a migration that is later than all of the files.
  case newerDatabase(String)
  /// A migration that was not applied is earlier than one that was.
  case outOfOrder(String)
  /// The files are no pairs of `<timestamp>_<name>.up.sql` and `.down.sql`; names the one that is wrong.
  case malformed(String)
  /// A migration's statements failed, for the database's reason.
  case failed(String, reason: String)
  /// The database cannot be reached or opened, or another process held it too long.
  case unavailable(String)

  /// What is wrong and what to do.
  package var description: String {
    switch self {
    case .changed(let name):
      "migration \(name) was changed after it was applied: use the binary that matches the database, or restore the file"
    case .missing(let name):
      "migration \(name) was applied to the database but this binary does not have it: use the binary that matches"
    case .newerDatabase(let name):
      "the database is newer than this binary (it has migration \(name)): use a newer binary, or restore a backup"
    case .outOfOrder(let name):
      "migration \(name) was not applied, but later ones were: give it a later timestamp"
    case .malformed(let name): "\(name) is not named <YYYYMMDDhhmmss>_<name>.up.sql or .down.sql, or is no pair"
    case .failed(let name, let reason): "migration \(name) failed: \(reason)"
    case .unavailable(let reason): "the database cannot be migrated: \(reason)"
    }
  }
}
