import LanguageModels
import Logging
import Settings

/// Language models from configuration.
enum Providers {
  /// The client of one configured model.
  static func make(_ target: ModelTarget, logger: Logger) throws -> HTTPLanguageModel {
    var timeouts = HTTPLanguageModel.Configuration.Timeouts()
    timeouts.connect = target.connectTimeout
    timeouts.firstToken = target.firstTokenTimeout
    timeouts.gap = target.gapTimeout
    timeouts.whole = target.wholeTimeout
    let dialect: HTTPLanguageModel.Dialect =
      switch target.provider {
      case .openai: .openAI
      case .anthropic: .anthropic
      case .gemini: .gemini
      }
    return try HTTPLanguageModel(
      HTTPLanguageModel.Configuration(
        name: target.name, dialect: dialect, baseURL: target.baseURL, model: target.model, keys: try keys(target),
        timeouts: timeouts),
      logger: logger)
  }

  private static func keys(_ target: ModelTarget) throws -> any ProviderKeySource {
    switch target.key {
    case .none: return FixedKey(nil)
    case .fixed(let secret):
      guard let key = ProviderKey(secret.reveal()) else {
        throw CommandFailure(.usage, "models.\(target.name).apiKey holds a character that no key has")
      }
      return FixedKey(key)
    case .file(let path): return KeyFile(path: path, model: target.name)
    case .command(let words): return KeyCommand(words, model: target.name)
    }
  }
}
