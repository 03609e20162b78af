/// Why a model could not be loaded from a folder.
package enum ModelLoadingFailure: Error, Hashable, CustomStringConvertible {
  /// No file is at this path.
  case missing(path: String)
  /// The system does not let it be read.
  case unreadable(path: String, reason: String)
  /// It is not the file that the model needs, or it was damaged.
  case corrupt(path: String, reason: String)

  /// What is wrong and with which file, for a log and a readiness check.
  package var description: String {
    switch self {
    case .missing(let path): "\(path) is missing"
    case .unreadable(let path, let reason): "\(path) cannot be read: \(reason)"
    case .corrupt(let path, let reason): "\(path) is corrupt or of another model: \(reason)"
    }
  }
}
