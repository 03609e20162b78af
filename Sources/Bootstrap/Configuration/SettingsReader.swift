import Configuration

/// Looks values up by key, flags first, then environment, then file, and notes for each where it came from.
struct SettingsReader {
  private let inputs: ConfigurationInputs
  private let file: ConfigurationFile?
  private let flags: any ConfigSnapshot
  private let environment: any ConfigSnapshot
  /// Every value read so far, in the order of reading.
  private(set) var values: [EffectiveValue] = []
  /// The environment variables that were asked for or referred to.
  private(set) var variables: Set<String> = ["OPENTIER_CONFIG"]

  init(_ inputs: ConfigurationInputs, file: ConfigurationFile?) {
    self.inputs = inputs
    self.file = file
    flags =
      InMemoryProvider(
        values: inputs.flags.reduce(into: [:]) { values, flag in
          values[AbsoluteConfigKey(Self.components(flag.key))] = ConfigValue(.string(flag.value), isSecret: false)
        }
      ).snapshot()
    // A variable that is set to nothing counts as not set: that is how shells and compose files pass on what is not
    // there.
    environment =
      EnvironmentVariablesProvider(
        environmentVariables: inputs.environment.filter { !$0.value.isEmpty },
        secretsSpecifier: .all
      ).snapshot()
  }

  /// The keys of the file.
  var fileKeys: [String] { file?.keys ?? [] }

  /// A value in a form, or the default.
  mutating func value<Value>(
    _ key: String,
    _ form: SettingForm<Value>,
    default fallback: Value
  ) throws(ConfigurationFailure) -> Value {
    try optional(key, form, shownDefault: form.show(fallback)) ?? fallback
  }

  /// A value in a form, or `nil`.
  mutating func optional<Value>(
    _ key: String,
    _ form: SettingForm<Value>,
    shownDefault: String = "-"
  ) throws(ConfigurationFailure) -> Value? {
    guard let (text, source) = try text(key, isList: form.isList, accepted: form.accepted) else {
      values.append(EffectiveValue(key: key, shown: shownDefault, source: .default))
      return nil
    }
    guard let value = form.parse(text) else {
      let shown = form.isSecret ? "<hidden>" : "\"" + text + "\""
      throw .invalidValue(key: key, shown: shown, source: source, accepted: form.accepted)
    }
    values.append(EffectiveValue(key: key, shown: form.show(value), source: source))
    return value
  }

  /// The path of the file, or nothing.
  var filePath: String { file?.path ?? "" }

  /// Where a value that was read came from.
  func source(of key: String) -> ValueSource { values.last { $0.key == key }?.source ?? .default }

  /// What a key of the file is as a source.
  func fileSource(of key: String) -> ValueSource { file.map { .file(path: $0.path, key: key) } ?? .default }

  private mutating func text(
    _ key: String,
    isList: Bool,
    accepted: String
  ) throws(ConfigurationFailure) -> (String, ValueSource)? {
    let components = Self.components(key)
    let variable = Self.lookUp(["opentier"] + components, in: environment)
    if let variable { variables.insert(variable.key) }
    if let text = Self.lookUp(components, in: flags)?.text { return (text, .flag(Self.flag(for: key))) }
    if let variable, let text = variable.text { return (text, .environment(variable.key)) }
    guard let file, file.keys.contains(key) else { return nil }
    let source = ValueSource.file(path: file.path, key: key)
    let content: ConfigContent?
    do {
      content = try file.snapshot.value(forKey: AbsoluteConfigKey(components), type: isList ? .stringArray : .string)
        .value?.content
    } catch {
      throw .invalidValue(key: key, shown: isList ? "a single value" : "a list", source: source, accepted: accepted)
    }
    switch content {
    case .string(let text): return (try expanded(text, key: key, source: source), source)
    case .stringArray(let texts):
      var expanded: [String] = []
      for text in texts { expanded.append(try self.expanded(text, key: key, source: source)) }
      return (expanded.joined(separator: ","), source)
    default: return nil
    }
  }

  /// Replaces each `${env:NAME}` by the value of that environment variable.
  private mutating func expanded(
    _ text: String,
    key: String,
    source: ValueSource
  ) throws(ConfigurationFailure) -> String {
    let opening = "${env:"
    var result = ""
    var rest = Substring(text)
    while let start = rest.firstRange(of: opening) {
      result += rest[..<start.lowerBound]
      guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
      let name = String(rest[start.upperBound..<end])
      variables.insert(name)
      guard let value = inputs.environment[name], !value.isEmpty else {
        throw .unsetVariable(name, key: key, source: source)
      }
      result += value
      rest = rest[rest.index(after: end)...]
    }
    return result + rest
  }

  /// The name of a flag for a key: `grpcPort` is `--grpc-port`, `log.level` is `--log-level`.
  static func flag(for key: String) -> String {
    var flag = "--"
    var previous: Character = "."
    for character in key {
      if character == "." || character.isUppercase && previous.isLowercase { flag.append("-") }
      if character != "." { flag += character.lowercased() }
      previous = character
    }
    return flag
  }

  /// A key's parts. The name of a model may hold dots itself.
  private static func components(_ key: String) -> [String] {
    let parts = key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count > 3, parts[0] == "models" else { return parts }
    return [parts[0], parts[1..<(parts.count - 1)].joined(separator: "."), parts[parts.count - 1]]
  }

  /// The provider's own name of a key and its text there. A text is asked for, which neither provider refuses.
  private static func lookUp(_ components: [String], in snapshot: any ConfigSnapshot) -> (key: String, text: String?)? {
    do {
      let result = try snapshot.value(forKey: AbsoluteConfigKey(components), type: .string)
      guard case .string(let text) = result.value?.content else { return (result.encodedKey, nil) }
      return (result.encodedKey, text)
    } catch {
      return nil
    }
  }
}

extension Substring {
  fileprivate func firstRange(of pattern: String) -> Range<Index>? {
    indices.lazy.first { self[$0...].hasPrefix(pattern) }.map { $0..<index($0, offsetBy: pattern.count) }
  }
}
