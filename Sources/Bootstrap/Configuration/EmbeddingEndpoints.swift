package import Domain

/// An embedding model behind a network address.
package struct EmbeddingEndpoint: Sendable {
  /// The name that `embedding.model` calls it by.
  package let name: String
  /// `baseURL`: up to and without `/embeddings`, without a slash at the end.
  package let baseURL: String
  /// `model`: the provider's name for it.
  package let model: String
  /// `dimensions`: the components of its vectors.
  package let dimensions: Int
  /// `shorten`: whether the provider is asked to shorten its vectors to `dimensions`.
  package let shorten: Bool
  /// `questionPrefix`: what a question begins with.
  package let questionPrefix: String
  /// `passagePrefix`: what a passage begins with.
  package let passagePrefix: String
  /// `apiKey`, `apiKeyFile` or `apiKeyCommand`.
  package let key: ModelTarget.Key
  /// `timeout`: of one call.
  package let timeout: Duration
  /// `batchSize`: the most texts of one call.
  package let batchSize: Int
  /// `attempts`: how often passages are tried while the provider is overloaded or away.
  package let attempts: Int
  /// `price`: what its tokens cost; `nil` where they cost nothing.
  package let price: TokenPrice?
}

extension ServerConfiguration.Embedding {
  /// The name of the model that runs in this process.
  package static let builtIn = "all-MiniLM-L6-v2"

  private enum Answer: String, CaseIterable { case yes = "true", no = "false" }

  /// Reads `embedding.endpoints`, whose keys are the operator's names.
  static func endpoints(_ reader: inout SettingsReader) throws(ConfigurationFailure) -> [EmbeddingEndpoint] {
    let prefix = "embedding.endpoints."
    let names = Set(
      reader.fileKeys.filter { $0.hasPrefix(prefix) }
        .compactMap { $0.dropFirst(prefix.count).split(separator: ".").first }
    ).sorted()
    var endpoints: [EmbeddingEndpoint] = []
    for name in names { endpoints.append(try endpoint(String(name), &reader)) }
    return endpoints
  }

  private static func endpoint(
    _ name: String, _ reader: inout SettingsReader
  ) throws(ConfigurationFailure) -> EmbeddingEndpoint {
    let key = "embedding.endpoints.\(name)"
    let isValid =
      (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || "_-".utf8.contains(byte)
      }
    guard isValid, name != builtIn else {
      throw .invalidValue(
        key: key, shown: "an endpoint's name", source: reader.fileSource(of: key),
        accepted: "1 to 64 letters, digits and _ - as a name, but not \(builtIn)")
    }
    let because = "every endpoint needs it"
    let prefix = SettingForm<String>.text("at most 200 characters") { $0.count <= 200 }
    let model = SettingForm<String>.text("the provider's name of the model, other than \(builtIn)") { name in
      !name.isEmpty && name != builtIn
    }
    let timeout = SettingForm<Duration>.duration(.milliseconds(100)...(.seconds(600)))
    return EmbeddingEndpoint(
      name: name,
      baseURL: ModelTarget.withoutSlash(
        try reader.required("\(key).baseURL", ModelTarget.address, because: because)),
      model: try reader.required("\(key).model", model, because: because),
      dimensions: try reader.required("\(key).dimensions", .integer(1...8_192), because: because),
      shorten: try reader.value("\(key).shorten", SettingForm<Answer>.choice, default: .no) == .yes,
      questionPrefix: try reader.value("\(key).questionPrefix", prefix, default: ""),
      passagePrefix: try reader.value("\(key).passagePrefix", prefix, default: ""),
      key: try ModelTarget.key(key, &reader),
      timeout: try reader.value("\(key).timeout", timeout, default: .seconds(30)),
      batchSize: try reader.value("\(key).batchSize", .integer(1...2_048), default: 64),
      attempts: try reader.value("\(key).attempts", .integer(1...20), default: 5),
      price: try reader.optional("\(key).price", ModelTarget.amount).flatMap(TokenPrice.millionths)
        .flatMap { TokenPrice(prompt: $0, completion: 0) })
  }
}
