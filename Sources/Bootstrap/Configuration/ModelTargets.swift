package import Domain

/// The language models that are configured, by name, besides the built-in `extractive`.
package struct ModelTargets: Sendable {
  /// The name of the built-in model.
  package static let builtIn = "extractive"

  /// `models.default`: the name used when a client names none.
  package let defaultName: String
  /// The configured ones, by name.
  package let targets: [ModelTarget]
  /// The names that lead to others, by name.
  package let routes: [ModelRouteSettings]
}

/// One language model behind a network address.
package struct ModelTarget: Sendable {
  /// Which protocol it speaks.
  package enum Provider: String, CaseIterable, Sendable {
    case openai, anthropic, gemini

    /// Where the provider itself is; `nil` where there are many.
    var standardBaseURL: String? {
      switch self {
      case .openai: nil
      case .anthropic: "https://api.anthropic.com/v1"
      case .gemini: "https://generativelanguage.googleapis.com/v1beta"
      }
    }
  }

  /// Where the key comes from.
  package enum Key: Hashable, Sendable {
    /// No key is sent.
    case none
    /// `apiKey`, which stays until a restart.
    case fixed(Secret)
    /// `apiKeyFile`: a file that holds the key alone, read again when it changes; absolute.
    case file(String)
    /// `apiKeyCommand`: a program and its arguments, which writes the key to its standard output.
    case command([String])
  }

  /// The name that clients use.
  package let name: String
  /// `provider`.
  package let provider: Provider
  /// `baseURL`: http or https, without a slash at the end.
  package let baseURL: String
  /// `model`: the provider's name for it.
  package let model: String
  /// `apiKey`, `apiKeyFile` or `apiKeyCommand`.
  package let key: Key
  /// `timeout`: the longest silence of the provider, where no time of its own is set.
  package let timeout: Duration
  /// `connectTimeout`: from the start to a connection.
  package let connectTimeout: Duration
  /// `firstTokenTimeout`: from the start to the first text.
  package let firstTokenTimeout: Duration
  /// `gapTimeout`: from one text to the next.
  package let gapTimeout: Duration
  /// `wholeTimeout`: from the start to the end.
  package let wholeTimeout: Duration

  /// `concurrency`: calls at once.
  package let concurrency: Int
  /// `queue`: calls that may wait for their turn.
  package let queue: Int
  /// `queueTimeout`: how long one waits at most.
  package let queueTimeout: Duration
  /// `attempts`: how often it is asked at most before it has said anything.
  package let attempts: Int
  /// `failureThreshold`: failures in a row after which it is left alone.
  package let failureThreshold: Int
  /// `restTime`: how long it is left alone then.
  package let restTime: Duration
  /// `promptPrice` and `completionPrice`: what its tokens cost; `nil` where neither is set, and they cost nothing.
  package let price: TokenPrice?
  /// `contextWindow`, `maximumOutput` and `capabilities`: what is known of the model.
  package let profile: ModelProfile

  /// `apiKey`, where that is the key.
  package var apiKey: Secret? {
    if case .fixed(let secret) = key { secret } else { nil }
  }

  /// The names of all keys of a model.
  static let keys = [
    "provider", "baseURL", "model", "apiKey", "apiKeyFile", "apiKeyCommand", "timeout", "connectTimeout",
    "firstTokenTimeout", "gapTimeout", "wholeTimeout", "concurrency", "queue", "queueTimeout", "attempts",
    "failureThreshold", "restTime", "promptPrice", "completionPrice", "contextWindow", "maximumOutput",
    "capabilities",
  ]
}

extension ModelTargets {
  /// Reads `models`, whose keys are the operator's names; the environment may override the values of a model that the
  /// file names.
  init(_ reader: inout SettingsReader) throws(ConfigurationFailure) {
    var targets: [ModelTarget] = []
    try Self.refuseUnknownKeys(reader)
    var routes: [ModelRouteSettings] = []
    let all = Self.names(in: reader.fileKeys)
    let routeNames = all.filter { reader.fileKeys.contains("models.\($0).targets") }
    for name in all where !routeNames.contains(name) { targets.append(try ModelTarget(name: name, &reader)) }
    let ends = ([Self.builtIn] + targets.map(\.name)).sorted()
    for name in routeNames { routes.append(try ModelRouteSettings(name: name, ends: ends, &reader)) }
    self.routes = routes
    let names = (ends + routeNames).sorted()
    let known = SettingForm<String>.text("one of the models: " + names.joined(separator: ", ")) { names.contains($0) }
    defaultName = try reader.value("models.default", known, default: Self.builtIn)
    self.targets = targets
  }

  /// Checked before the values, so that a misspelt key is not reported as a missing one.
  private static func refuseUnknownKeys(_ reader: SettingsReader) throws(ConfigurationFailure) {
    for name in names(in: reader.fileKeys) {
      let isRoute = reader.fileKeys.contains("models.\(name).targets")
      let known = (isRoute ? ModelRouteSettings.keys : ModelTarget.keys).map { "models.\(name).\($0)" }
      for key in reader.fileKeys where key.hasPrefix("models.\(name).") && !known.contains(key) {
        // A name may begin as another one does, up to a dot.
        if names(in: [key]) != [name] { continue }
        throw .unknownKey(key, path: reader.filePath, nearest: nearest(to: key, among: known))
      }
    }
  }

  /// Refuses a name that no client could use.
  static func check(name: String, _ reader: SettingsReader) throws(ConfigurationFailure) {
    let isValid =
      (1...64).contains(name.utf8.count) && name != ModelTargets.builtIn && name != "default"
      && name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || "._-:/".utf8.contains(byte)
      }
    guard isValid else {
      throw .invalidValue(
        key: "models.\(name)",
        shown: "a model's name",
        source: reader.fileSource(of: "models.\(name)"),
        accepted: "1 to 64 letters, digits and . _ - : / as a name, but not default or \(ModelTargets.builtIn)"
      )
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
    try ModelTargets.check(name: name, reader)
    self.name = name
    provider = try reader.required("\(key).provider", .choice)
    let baseURL: String
    if let standard = provider.standardBaseURL {
      baseURL = try reader.value("\(key).baseURL", Self.address, default: standard)
    } else {
      baseURL = try reader.required("\(key).baseURL", Self.address)
    }
    self.baseURL = Self.withoutSlash(baseURL)
    model = try reader.required("\(key).model", .text("the provider's name of the model"))
    self.key = try Self.key(key, &reader)
    let duration = SettingForm<Duration>.duration(.milliseconds(100)...(.seconds(3600)))
    timeout = try reader.value("\(key).timeout", duration, default: .seconds(60))
    connectTimeout = try reader.value("\(key).connectTimeout", duration, default: .seconds(5))
    firstTokenTimeout = try reader.value("\(key).firstTokenTimeout", duration, default: timeout)
    gapTimeout = try reader.value("\(key).gapTimeout", duration, default: timeout)
    wholeTimeout = try reader.value("\(key).wholeTimeout", duration, default: .seconds(600))
    concurrency = try reader.value("\(key).concurrency", .integer(1...10_000), default: 50)
    queue = try reader.value("\(key).queue", .integer(0...100_000), default: 1_000)
    queueTimeout = try reader.value("\(key).queueTimeout", duration, default: .seconds(60))
    attempts = try reader.value("\(key).attempts", .integer(1...10), default: 2)
    failureThreshold = try reader.value("\(key).failureThreshold", .integer(1...1_000), default: 5)
    restTime = try reader.value("\(key).restTime", duration, default: .seconds(30))
    let prompt = try reader.optional("\(key).promptPrice", Self.amount).flatMap(TokenPrice.millionths)
    let completion = try reader.optional("\(key).completionPrice", Self.amount).flatMap(TokenPrice.millionths)
    price =
      prompt == nil && completion == nil ? nil : TokenPrice(prompt: prompt ?? 0, completion: completion ?? 0)
    profile = try Self.profile(key, &reader)
  }

  /// What is known of a model.
  private static func profile(_ key: String, _ reader: inout SettingsReader) throws(ConfigurationFailure)
    -> ModelProfile
  {
    let tokens = SettingForm<Int>.integer(1...maximumTokens)
    let window = try reader.optional("\(key).contextWindow", tokens)
    let output = try reader.optional("\(key).maximumOutput", tokens)
    let names = ModelProfile.Capability.allCases.map(\.rawValue)
    let capabilities = try reader.optional(
      "\(key).capabilities",
      .list("a list of \(names.joined(separator: ", ")), as far as the model takes them; [] for none") {
        names.contains($0)
      })
    guard
      let profile = ModelProfile(
        contextWindow: window, maximumOutput: output,
        capabilities: capabilities.map { Set($0.compactMap(ModelProfile.Capability.init(rawValue:))) })
    else {
      throw .invalidValue(
        key: "\(key).maximumOutput", shown: output.map { String($0) } ?? "-",
        source: reader.source(of: "\(key).maximumOutput"),
        accepted: "at most the contextWindow, \(window ?? maximumTokens)")
    }
    return profile
  }

  /// The largest number of tokens that can be told of a model.
  private static let maximumTokens = 1_000_000_000

  /// Where the key comes from; one place at most.
  static func key(_ key: String, _ reader: inout SettingsReader) throws(ConfigurationFailure) -> Key {
    let fixed = try reader.optional("\(key).apiKey", .secret("a key, best as \"${env:NAME}\""))
    let file = try reader.optional(
      "\(key).apiKeyFile", .text("an absolute path of a file that holds the key alone") { $0.hasPrefix("/") })
    let command = try reader.optional(
      "\(key).apiKeyCommand", .list("a program and its arguments, as a list") { !$0.isEmpty })
    switch (fixed, file, command) {
    case (nil, nil, nil): return .none
    case (let secret?, nil, nil): return .fixed(secret)
    case (nil, let path?, nil): return .file(path)
    case (nil, nil, let words?) where !words.isEmpty: return .command(words)
    default:
      throw .invalidValue(
        key: key, shown: "a model with several keys", source: reader.fileSource(of: key),
        accepted: "one of apiKey, apiKeyFile and apiKeyCommand")
    }
  }

  /// How a price is written.
  static var amount: SettingForm<String> {
    .text("the price of a million tokens as text, such as \"2.50\", with at most six places behind the point") {
      TokenPrice.millionths($0) != nil
    }
  }

  /// An address without slashes at its end.
  static func withoutSlash(_ address: String) -> String { String(address.reversed().drop { $0 == "/" }.reversed()) }

  /// How an address is written.
  static var address: SettingForm<String> {
    .text("an address that begins with http:// or https://", where: isHTTP)
  }

  private static func isHTTP(_ text: String) -> Bool {
    ["http://", "https://"].contains { text.hasPrefix($0) && text.utf8.count > $0.utf8.count }
      && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }
}

extension SettingsReader {
  /// A value in a form that has to be there.
  mutating func required<Value>(
    _ key: String, _ form: SettingForm<Value>, because: String = "every model needs it"
  ) throws(ConfigurationFailure) -> Value {
    guard let value = try optional(key, form) else {
      throw .missingValue(key: key, because: because, accepted: form.accepted)
    }
    return value
  }
}
