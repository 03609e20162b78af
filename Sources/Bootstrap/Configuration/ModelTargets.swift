/// The language models that are configured, by name, besides the built-in `extractive`.
package struct ModelTargets: Sendable {
  /// The name of the built-in model.
  package static let builtIn = "extractive"

  /// `models.default`: the name used when a client names none.
  package let defaultName: String
  /// The configured ones, by name.
  package let targets: [ModelTarget]
}

/// One language model behind a network address.
package struct ModelTarget: Sendable {
  /// Which protocol it speaks.
  package enum Provider: String, CaseIterable, Sendable { case openai }

  /// The name that clients use.
  package let name: String
  /// `provider`.
  package let provider: Provider
  /// `baseURL`: http or https, without a slash at the end.
  package let baseURL: String
  /// `model`: the provider's name for it.
  package let model: String
  /// `apiKey`; `nil` sends none.
  package let apiKey: Secret?
  /// `timeout`: the longest silence of the provider.
  package let timeout: Duration
}

extension ModelTargets {
  /// Reads `models`, whose keys are the operator's names; the environment may override the values of a model that the
  /// file names.
  init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    var targets: [ModelTarget] = []
    try Self.refuseUnknownKeys(reader)
    for name in Self.names(in: reader.fileKeys) {
      targets.append(try ModelTarget(name: name, &reader))
    }
    let names = ([Self.builtIn] + targets.map(\.name)).sorted()
    let known = SettingForm<String>.text("one of the models: " + names.joined(separator: ", ")) { names.contains($0) }
    defaultName = try reader.value("models.default", known, default: Self.builtIn)
    self.targets = targets
  }

  /// Checked before the values, so that a misspelt key is not reported as a missing one.
  private static func refuseUnknownKeys(_ reader: SettingsReader) throws(ConfigurationFailure) {
    for name in names(in: reader.fileKeys) {
      let known = ["provider", "baseURL", "model", "apiKey", "timeout"].map { "models.\(name).\($0)" }
      for key in reader.fileKeys where key.hasPrefix("models.\(name).") && !known.contains(key) {
        // A name may begin as another one does, up to a dot.
        if names(in: [key]) != [name] { continue }
        throw .unknownKey(key, path: reader.filePath, nearest: nearest(to: key, among: known))
      }
    }
  }

  /// The part between `models.` and the last dot.
  private static func names(in keys: [String]) -> [String] {
    let names = keys.compactMap { key -> String? in
      guard key.hasPrefix("models."), let end = key.lastIndex(of: "."), end > key.index(key.startIndex, offsetBy: 6)
      else { return nil }
      return String(key[key.index(key.startIndex, offsetBy: 7)..<end])
    }
    return Set(names).sorted()
  }
}

extension ModelTarget {
  fileprivate init(name: String, _ reader: inout SettingsReader) throws(ConfigurationFailure) {
    let key = "models.\(name)"
    let isValid =
      (1...64).contains(name.utf8.count) && name != ModelTargets.builtIn && name != "default"
      && name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || "._-:/".utf8.contains(byte)
      }
    guard isValid else {
      throw .invalidValue(
        key: key,
        shown: "a model's name",
        source: reader.fileSource(of: key),
        accepted: "1 to 64 letters, digits and . _ - : / as a name, but not default or \(ModelTargets.builtIn)"
      )
    }
    self.name = name
    let url = SettingForm<String>.text("an address that begins with http:// or https://", where: Self.isHTTP)
    provider = try reader.required("\(key).provider", .choice)
    var baseURL = try reader.required("\(key).baseURL", url)
    while baseURL.hasSuffix("/") { baseURL.removeLast() }
    self.baseURL = baseURL
    model = try reader.required("\(key).model", .text("the provider's name of the model"))
    apiKey = try reader.optional("\(key).apiKey", .secret("a key, best as \"${env:NAME}\""))
    timeout = try reader.value(
      "\(key).timeout",
      .duration(.milliseconds(100)...(.seconds(3600))),
      default: .seconds(60)
    )
  }

  private static func isHTTP(_ text: String) -> Bool {
    ["http://", "https://"].contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

extension SettingsReader {
  fileprivate mutating func required<Value>(
    _ key: String,
    _ form: SettingForm<Value>
  ) throws(ConfigurationFailure) -> Value {
    guard let value = try optional(key, form) else {
      throw .missingValue(key: key, because: "every model needs it", accepted: form.accepted)
    }
    return value
  }
}
