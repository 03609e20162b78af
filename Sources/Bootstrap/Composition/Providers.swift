import LanguageModels
import Logging
import Settings

/// Language models from configuration.
enum Providers {
  /// The client of one configured model.
  static func make(_ target: ModelTarget, logger: Logger) throws -> OpenAICompatibleLanguageModel {
    switch target.provider {
    case .openai:
      var timeouts = OpenAICompatibleLanguageModel.Configuration.Timeouts()
      timeouts.firstToken = target.timeout
      timeouts.gap = target.timeout
      let key = target.apiKey.flatMap { ProviderKey($0.reveal()) }
      if target.apiKey != nil, key == nil {
        throw CommandFailure(.usage, "models.\(target.name).apiKey holds a character that no key has")
      }
      return try OpenAICompatibleLanguageModel(
        OpenAICompatibleLanguageModel.Configuration(
          name: target.name, baseURL: target.baseURL, model: target.model, key: key, timeouts: timeouts),
        logger: logger)
    }
  }
}
