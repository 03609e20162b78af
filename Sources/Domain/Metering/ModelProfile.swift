/// What is known of a language model: how much it reads and writes, and what it takes.
///
/// What is `nil` is not known, and then nothing is refused for it.
package struct ModelProfile: Hashable, Sendable {
  /// What a model may take besides texts. Streaming is none: every model streams.
  package enum Capability: String, CaseIterable, Hashable, Sendable {
    /// Tools that it may ask for.
    case tools
    /// Pictures in a user's turns.
    case images
    /// A reply in JSON, of a schema or of none (OpenAI's `response_format`).
    case json
  }

  /// The tokens of a prompt and its reply together, above 0.
  package let contextWindow: Int?
  /// The most tokens of a reply, above 0 and at most ``contextWindow``.
  package let maximumOutput: Int?
  /// What it takes besides texts.
  package let capabilities: Set<Capability>?

  /// A model of which nothing is known.
  package static let unknown = ModelProfile()

  private init() { (contextWindow, maximumOutput, capabilities) = (nil, nil, nil) }

  /// Makes a profile; `nil` when a number is below 1, or the output is above the window.
  package init?(contextWindow: Int?, maximumOutput: Int?, capabilities: Set<Capability>?) {
    guard (contextWindow ?? 1) > 0, (maximumOutput ?? 1) > 0, (maximumOutput ?? 1) <= (contextWindow ?? .max) else {
      return nil
    }
    self.contextWindow = contextWindow
    self.maximumOutput = maximumOutput
    self.capabilities = capabilities
  }

  private init(of profiles: [ModelProfile]) {
    let windows = profiles.compactMap(\.contextWindow)
    contextWindow = windows.count == profiles.count ? windows.max() : nil
    let outputs = profiles.compactMap(\.maximumOutput)
    maximumOutput = outputs.count == profiles.count ? outputs.max() : nil
    let taken = profiles.compactMap(\.capabilities)
    capabilities = taken.count == profiles.count ? taken.reduce(into: []) { $0.formUnion($1) } : nil
  }

  /// What a name takes that leads to models of these profiles: of each limit the highest, since a request goes to a model
  /// that takes it; nothing is known where one of them is unknown.
  package static func most(of profiles: [ModelProfile]) -> ModelProfile {
    profiles.count == 1 ? profiles[0] : ModelProfile(of: profiles)
  }
}
