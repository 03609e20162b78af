package import Domain

/// One turn of the dialogue that a model continues.
package struct ModelMessage: Hashable, Sendable {
  /// Who speaks.
  package let role: MessageRole
  /// What they say.
  package let content: String

  /// Makes a turn.
  package init(role: MessageRole, content: String) {
    self.role = role
    self.content = content
  }
}

/// What a model is asked.
package struct ModelRequest: Hashable, Sendable {
  /// The dialogue, instructions first, the question last; the passages are quoted in it as marked data.
  package let messages: [ModelMessage]
  /// The question alone, for a model that reads passages itself.
  package let question: String
  /// The passages, for the same.
  package let sources: [Source]
  /// The most tokens of the reply; `nil` leaves it to the model.
  package let maximumTokens: Int?

  /// Makes a request.
  package init(messages: [ModelMessage], question: String, sources: [Source], maximumTokens: Int?) {
    self.messages = messages
    self.question = question
    self.sources = sources
    self.maximumTokens = maximumTokens
  }
}

/// How a reply ended.
package struct ReplyEnd: Hashable, Sendable {
  /// `.stop` or `.length`.
  package let finishReason: FinishReason
  /// What it used; `nil` when the model does not say.
  package let usage: TokenUsage?
  /// The spans that the model quotes, where it knows them: each narrows the source of its marker to a sentence.
  package let quotes: [Source]

  /// Makes an end.
  package init(finishReason: FinishReason, usage: TokenUsage?, quotes: [Source] = []) {
    self.finishReason = finishReason
    self.usage = usage
    self.quotes = quotes
  }
}

/// Why a model gave no whole reply.
package enum ModelFailure: Error, Hashable, Sendable {
  /// It cannot be reached, is overloaded or out of quota; worth another try or another model.
  case unavailable(String)
  /// It refuses this request for good.
  case rejected(String)
  /// It stopped half-way or sent what is no reply.
  case broken(String)
  /// The calling task was cancelled; the upstream call is closed.
  case cancelled
}

/// Continues a dialogue.
package protocol LanguageModel: Sendable {
  /// The name it is registered and shown under.
  var name: String { get }

  /// Replies, handing over each part of the text as it comes. Each part is handed over before the next is read, so a
  /// slow reader slows the model down. Leaving by cancellation closes the upstream call before this returns.
  ///
  /// - Parameter emit: takes the next part, never empty; its error ends the call and is thrown on.
  func reply(
    to request: ModelRequest, emit: @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws(ModelFailure) -> ReplyEnd
}

/// The models by name.
package struct LanguageModelRegistry: Sendable {
  /// The name used when the client names none.
  package let defaultName: String
  private let models: [String: any LanguageModel]

  /// Makes a registry.
  ///
  /// - Precondition: `models` holds one named `defaultName`; configuration is checked before.
  package init(models: [any LanguageModel], defaultName: String) {
    self.models = Dictionary(models.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    precondition(self.models[defaultName] != nil, "no model is named \(defaultName)")
    self.defaultName = defaultName
  }

  /// The model of a name, or the default for `nil`; `nil` when there is none of that name.
  package func model(named name: String?) -> (any LanguageModel)? { models[name ?? defaultName] }

  /// All names, sorted.
  package var names: [String] { models.keys.sorted() }
}
