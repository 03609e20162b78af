/// Why a configuration is refused; `description` says what was wrong and what to do.
package enum ConfigurationFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file that was named cannot be read.
  case unreadableFile(path: String, reason: String)
  /// The file is not YAML, or its top level is not a mapping.
  case malformedFile(path: String, reason: String)
  /// A key of the file is not known; with the most similar one that is.
  case unknownKey(String, path: String, nearest: String?)
  /// A value has the wrong form or is out of range; `shown` is `<hidden>` for secrets.
  case invalidValue(key: String, shown: String, source: ValueSource, accepted: String)
  /// A value that others make necessary is not there.
  case missingValue(key: String, because: String, accepted: String)
  /// A value names an environment variable that is not set.
  case unsetVariable(String, key: String, source: ValueSource)

  /// A sentence or two for the operator.
  package var description: String {
    switch self {
    case .unreadableFile(let path, let reason): "Cannot read the configuration file \(path): \(reason)."
    case .malformedFile(let path, let reason): "The configuration file \(path) is not valid: \(reason)"
    case .unknownKey(let key, let path, let nearest):
      "Unknown key \(key) in \(path)." + (nearest.map { " Did you mean \($0)?" } ?? "")
    case .invalidValue(let key, let shown, let source, let accepted):
      "\(key) cannot be \(shown) (\(source)). Accepted: \(accepted)."
    case .missingValue(let key, let reason, let accepted):
      "\(key) is not set, but \(reason). Accepted: \(accepted)."
    case .unsetVariable(let name, let key, let source):
      "\(key) refers to the environment variable \(name), which is not set (\(source)). Set it or remove the key."
    }
  }
}
