/// Where a configuration value comes from.
package enum ValueSource: Hashable, Sendable, CustomStringConvertible {
  /// A flag of the command line, with its dashes.
  case flag(String)
  /// An environment variable.
  case environment(String)
  /// A key of the configuration file.
  case file(path: String, key: String)
  /// Nobody said anything.
  case `default`

  /// For people, such as `environment variable OPENTIER_PORT`.
  package var description: String {
    switch self {
    case .flag(let name): "flag \(name)"
    case .environment(let name): "environment variable \(name)"
    case .file(let path, let key): "\(path), key \(key)"
    case .default: "default"
    }
  }
}

/// One configuration value as it is in force.
package struct EffectiveValue: Hashable, Sendable {
  /// The key, such as `log.level`.
  package let key: String
  /// The value in its canonical form, secrets as `<hidden>`, what is not set as `-`.
  package let shown: String
  /// Where it comes from.
  package let source: ValueSource
}
