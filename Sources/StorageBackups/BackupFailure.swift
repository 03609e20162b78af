/// Why a backup was not written, or not restored; the words are for the operator.
package enum BackupFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file is not a backup, is damaged, or is of a later version.
  case invalidArchive(String)
  /// There is something already where the backup, or the restored data, should go.
  case occupied(String)
  /// The database, a file or a tool that is needed cannot be used.
  case unavailable(String)
  /// What was restored is not what was backed up; one line a table.
  case different([String])

  /// The failure in words.
  package var description: String {
    switch self {
    case .invalidArchive(let why), .occupied(let why), .unavailable(let why): why
    case .different(let tables):
      "what was restored is not what was backed up:\n" + tables.map { "  \($0)" }.joined(separator: "\n")
    }
  }
}
