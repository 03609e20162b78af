import Domain

/// The room that a model's context window has for a prompt, estimated in the embedder's tokens (``TokenCounter/estimate(_:)``),
/// since the model's own are not known here.
struct ContextRoom: Sendable {
  /// The tokens kept for a reply that nobody limits, at most; never more than a quarter of the window.
  static let standardReply = 1_024
  /// The tokens with which providers begin and end a turn, at most.
  private static let turn = 8

  /// The tokens of the whole prompt, 0 or above: what a tenth of the window, for the error of the estimate, and the reply
  /// leave.
  let prompt: Int
  private let counter: any TokenCounter

  /// The room of a model, of a name that leads to several that of the smallest, so that each can take over; `nil` where no
  /// window is known.
  ///
  /// - Parameter maximumTokens: the most of the reply; `nil` where nobody limits it.
  init?(in model: any LanguageModel, maximumTokens: Int?, counter: any TokenCounter) {
    guard let window = model.profiles.compactMap(\.contextWindow).min() else { return nil }
    prompt = max(0, window - window / 10 - (maximumTokens ?? min(Self.standardReply, window / 4)))
    self.counter = counter
  }

  /// What is left beside a dialogue and the definitions of tools; below 0 where they are too much themselves.
  func left(beside messages: [ModelMessage], tools: [ModelTool] = []) -> Int {
    var left = prompt
    for tool in tools { left -= counter.estimate(tool.description) + counter.estimate(tool.parameters) + Self.turn }
    for message in messages {
      left -= counter.estimate(message.content) + Self.turn
      for call in message.toolCalls { left -= counter.estimate(call.arguments) + Self.turn }
      for result in message.toolResults { left -= counter.estimate(result.content) + Self.turn }
    }
    return left
  }

  /// The best passages whose quotation has room in so many tokens, at most as many as `pack` gives for a budget of their
  /// texts.
  ///
  /// - Parameters:
  ///   - room: the tokens of the whole quotation.
  ///   - budget: those of the texts, at most.
  func fitting(_ room: Int, budget: Int, pack: (Int) -> [Source]) -> [Source] {
    var budget = min(budget, room)
    while budget > 0 {
      let sources = pack(budget)
      let excess = counter.estimate(PromptComposer.quoted(sources)) - room
      if excess <= 0 { return sources }
      // Titles and marks take room too, which is told by quoting alone. An eighth more, so that this ends soon.
      budget -= max(excess, budget / 8 + 1)
    }
    return []
  }
}

extension LanguageModel {
  /// The most tokens of a reply that nobody but this server limits: what the settings say, and no more than each model that
  /// the name leads to can write.
  func replyTokens(_ setting: Int?) -> Int? {
    guard let setting else { return nil }
    return profiles.compactMap(\.maximumOutput).min().map { min($0, setting) } ?? setting
  }
}
