import Configuration
import FoundationEssentials
import Synchronization

/// The values of `opentier.yaml`.
struct ConfigurationFile {
  /// The name that is looked for in the working directory.
  static let defaultName = "opentier.yaml"

  let path: String
  let snapshot: any ConfigSnapshot
  /// All keys of the file in the dotted form, sorted.
  let keys: [String]

  /// Finds the file: the flag, else the variable `OPENTIER_CONFIG`, else `opentier.yaml` in the working directory.
  ///
  /// - Returns: `nil` when neither flag nor variable names one and there is none in the working directory.
  static func locate(_ inputs: ConfigurationInputs) throws(ConfigurationFailure) -> ConfigurationFile? {
    let named = inputs.configurationFile ?? inputs.environment["OPENTIER_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
    guard named != nil || FileManager.default.fileExists(atPath: inputs.absolute(defaultName)) else { return nil }
    return try ConfigurationFile(path: inputs.absolute(named ?? defaultName))
  }

  init(path: String) throws(ConfigurationFailure) {
    let bytes: [UInt8]
    do { bytes = try Array(Data(contentsOf: URL(filePath: path))) } catch {
      let reason = FileManager.default.fileExists(atPath: path) ? "it is no readable file" : "there is no such file"
      throw .unreadableFile(path: path, reason: reason)
    }
    try self.init(path: path, bytes: bytes)
  }

  init(path: String, bytes: [UInt8]) throws(ConfigurationFailure) {
    self.path = path
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw .malformedFile(path: path, reason: "it is not UTF-8.")
    }
    // The snapshot gives values for keys but does not list its keys; it does ask of each whether it is secret.
    let seen = SeenKeys()
    do {
      snapshot =
        try Self.isEffectivelyEmpty(bytes)
        ? InMemoryProvider(values: [:]).snapshot()
        : YAMLSnapshot(
          data: bytes.span.bytes,
          providerName: path,
          parsingOptions: .init(secretsSpecifier: .dynamic { key, _ in seen.insert(key) })
        )
    } catch {
      throw .malformedFile(path: path, reason: String(describing: error))
    }
    keys = seen.sorted()
  }

  /// Whether there are only comments and blank lines, which YAML reads as null and not as an empty mapping.
  private static func isEffectivelyEmpty(_ bytes: [UInt8]) -> Bool {
    String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).allSatisfy { line in
      line.allSatisfy(\.isWhitespace) || line.drop(while: \.isWhitespace).first == "#" || line == "---"
    }
  }
}

private final class SeenKeys: Sendable {
  private let keys = Mutex<Set<String>>([])

  /// Every value is treated as secret, so that no description of the snapshot ever shows one.
  func insert(_ key: String) -> Bool {
    keys.withLock { _ = $0.insert(key) }
    return true
  }

  func sorted() -> [String] { keys.withLock { $0.sorted() } }
}
