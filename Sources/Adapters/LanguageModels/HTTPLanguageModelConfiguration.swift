package import Domain
import FoundationEssentials

/// A provider's key, which no description, dump or log shows.
package struct ProviderKey: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
  let secret: String

  /// Wraps a key; `nil` when it is empty or has anything but visible ASCII, which a header could not carry.
  package init?(_ secret: String) {
    guard !secret.isEmpty, secret.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
    self.secret = secret
  }

  /// `(hidden)`.
  package var description: String { "(hidden)" }
  /// `(hidden)`.
  package var debugDescription: String { "(hidden)" }
  /// Nothing.
  package var customMirror: Mirror { Mirror(self, children: []) }
}

extension HTTPLanguageModel {
  /// Why a configuration is none, in words for the operator.
  package struct InvalidConfiguration: Error, Hashable, Sendable, CustomStringConvertible {
    /// The words; they name the setting.
    package let description: String
  }

  /// Which protocol a provider speaks.
  package enum Dialect: Hashable, Sendable {
    /// OpenAI's chat completions, below `/chat/completions`.
    case openAI
    /// Anthropic's Messages, below `/messages`.
    case anthropic
    /// Google Gemini's `streamGenerateContent`, below `/models/`.
    case gemini

    /// How it is written, for a model of a profile.
    func wire(_ profile: ModelProfile) -> any ProviderWire {
      switch self {
      case .openAI: OpenAIWire()
      case .anthropic: AnthropicWire(maximumOutput: profile.maximumOutput)
      case .gemini: GeminiWire()
      }
    }
  }

  /// Where a model is and what it may take.
  package struct Configuration: Sendable {
    /// The name it is registered and shown under.
    package let name: String
    /// The protocol.
    package let dialect: Dialect
    /// The provider's address up to and without the dialect's own path, such as `http://127.0.0.1:11434/v1`.
    package let baseURL: String
    /// The model's name at the provider.
    package let model: String
    /// What is known of the model: what is above it is refused before the provider is asked.
    package let profile: ModelProfile
    /// Gives the key.
    package let keys: any ProviderKeySource
    /// The sampling temperature, 0 to 2; `nil` leaves it to the provider.
    package let temperature: Double?
    /// How long it may take.
    package let timeouts: Timeouts
    /// How much it may send.
    package let limits: Limits

    /// How long each part of a reply may take. The time in which the reader takes a part off does not count, but for
    /// `whole`.
    package struct Timeouts: Hashable, Sendable {
      /// From the start to a connection, the TLS handshake included.
      package var connect: Duration = .seconds(5)
      /// From the start to the first text.
      package var firstToken: Duration = .seconds(60)
      /// From one text to the next, or to the end.
      package var gap: Duration = .seconds(30)
      /// From the start to the end.
      package var whole: Duration = .seconds(600)

      /// The standard timeouts.
      package init() {}
    }

    /// How much a provider may send.
    package struct Limits: Hashable, Sendable {
      /// The most bytes of one event.
      package var eventBytes = 256 << 10
      /// The most bytes of a whole answer.
      package var responseBytes = 16 << 20

      /// The standard limits.
      package init() {}
    }

    /// Checks and makes a configuration.
    ///
    /// - Throws: ``InvalidConfiguration`` when the base URL is not an absolute `http` or `https` URL without user
    ///   name, query and fragment, when a name is empty, or when a number is out of its range.
    package init(
      name: String, dialect: Dialect = .openAI, baseURL: String, model: String,
      profile: ModelProfile = .unknown, keys: any ProviderKeySource = FixedKey(nil), temperature: Double? = nil,
      timeouts: Timeouts = Timeouts(), limits: Limits = Limits()
    ) throws(InvalidConfiguration) {
      func require(_ holds: Bool, _ message: String) throws(InvalidConfiguration) {
        guard holds else { throw InvalidConfiguration(description: "models.\(name): " + message) }
      }
      try require(!name.isEmpty, "the name must not be empty")
      try require(!model.isEmpty, "model must not be empty")
      // It becomes part of the address.
      try require(
        dialect != .gemini || model.utf8.allSatisfy { $0.isLetterOrDigit || "._-".utf8.contains($0) },
        "model must be letters, digits and . _ -, such as gemini-2.5-flash")
      let url = URL(string: baseURL)
      try require(
        (url?.scheme == "http" || url?.scheme == "https") && url?.host()?.isEmpty == false && url?.user() == nil
          && url?.password() == nil && url?.query() == nil && url?.fragment() == nil
          && baseURL.utf8.allSatisfy { (0x21...0x7E).contains($0) },
        "baseURL must be an http or https URL without user name, query and fragment, such as http://127.0.0.1:11434/v1")
      if let temperature { try require((0...2).contains(temperature), "temperature must be from 0 to 2") }
      for (label, time) in [
        ("connect", timeouts.connect), ("firstToken", timeouts.firstToken), ("gap", timeouts.gap),
        ("whole", timeouts.whole),
      ] {
        try require(time > .zero && time <= .seconds(86_400), "the timeout \(label) must be from 0 to 86400 s")
      }
      try require(limits.eventBytes > 0 && limits.responseBytes > 0, "limits must be above 0")
      self.name = name
      self.dialect = dialect
      self.baseURL = String(baseURL.reversed().drop { $0 == "/" }.reversed())
      self.model = model
      self.profile = profile
      self.keys = keys
      self.temperature = temperature
      self.timeouts = timeouts
      self.limits = limits
    }
  }
}

extension UInt8 {
  fileprivate var isLetterOrDigit: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
  }
}
