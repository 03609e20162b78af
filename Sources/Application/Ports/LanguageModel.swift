package import Domain
import Synchronization

/// One turn of the dialogue that a model continues.
package struct ModelMessage: Hashable, Sendable {
  /// Who speaks.
  package let role: MessageRole
  /// What they say; may be empty where the turn holds something else.
  package let content: String
  /// Pictures that belong to the text; a user's turns only.
  package let images: [ModelImage]
  /// The tools that the model asked for; an assistant's turns only.
  package let toolCalls: [ModelToolCall]
  /// What those tools answered; a user's turns only.
  package let toolResults: [ModelToolResult]

  /// Makes a turn.
  package init(
    role: MessageRole, content: String, images: [ModelImage] = [], toolCalls: [ModelToolCall] = [],
    toolResults: [ModelToolResult] = []
  ) {
    self.role = role
    self.content = content
    self.images = images
    self.toolCalls = toolCalls
    self.toolResults = toolResults
  }
}

/// What a model is asked.
package struct ModelRequest: Hashable, Sendable {
  private struct Content: Hashable, Sendable {
    let messages: [ModelMessage]
    let question: String
    let sources: [Source]
    let maximumTokens: Int?
    let tools: [ModelTool]
    let options: GenerationOptions
    let isGrounded: Bool
    let prompt: ModelPrompt?
    let organizationID: OrganizationID?
  }

  private let content: Boxed<Content>

  /// The dialogue, instructions first, the question last; the passages are quoted in it as marked data.
  package var messages: [ModelMessage] { content.value.messages }
  /// The question alone, for a model that reads passages itself.
  package var question: String { content.value.question }
  /// The passages, for the same.
  package var sources: [Source] { content.value.sources }
  /// The most tokens of the reply; `nil` leaves it to the model.
  package var maximumTokens: Int? { content.value.maximumTokens }
  /// The tools that the model may ask for.
  package var tools: [ModelTool] { content.value.tools }
  /// How it is to generate.
  package var options: GenerationOptions { content.value.options }
  /// Whether passages were looked for, even where none was found.
  package var isGrounded: Bool { content.value.isGrounded }
  /// A text that is to be continued in place of a dialogue, which is empty then; `nil` for a dialogue.
  package var prompt: ModelPrompt? { content.value.prompt }
  /// Is told which model is asked, where a name leads to several; `nil` where nobody wants to know.
  package var answering: AnsweringModel?
  /// Whether its reader wants the reply whole, and none of its parts before: a model may then answer at once.
  package var isWantedWhole = false
  /// Whether a call of a tool that was not offered comes back like any other, since whoever asks tells the model that there
  /// is none. Otherwise it breaks the reply. Where no tool was offered every call does.
  package var takesUnknownTools = false
  /// For whom it is asked; `nil` where that is nobody's matter, and then no reply is kept for another.
  package var organizationID: OrganizationID? { content.value.organizationID }

  /// Makes a request.
  package init(
    messages: [ModelMessage], question: String, sources: [Source], maximumTokens: Int?, tools: [ModelTool] = [],
    options: GenerationOptions = GenerationOptions(), isGrounded: Bool = true, prompt: ModelPrompt? = nil,
    organizationID: OrganizationID? = nil
  ) {
    content = Boxed(
      Content(
        messages: messages, question: question, sources: sources, maximumTokens: maximumTokens, tools: tools,
        options: options, isGrounded: isGrounded, prompt: prompt, organizationID: organizationID))
  }
}

/// Which model was asked last for a reply, the one that answers, where one does, and what whoever asked has to pay of a
/// reply that was shared. Two are equal when they are the same.
package final class AnsweringModel: Hashable, Sendable {
  private let last = Mutex<(name: String?, charge: TokenUsage?)>((nil, nil))

  /// Makes one that nobody was asked for.
  package init() {}

  /// Its name; `nil` before any is asked.
  package var name: String? { last.withLock { $0.name } }

  /// What the reader pays of a call whose end it has not read; `nil` where that is what it has read.
  package var charge: TokenUsage? { last.withLock { $0.charge } }

  /// Notes that a model is asked.
  package func note(_ name: String) { last.withLock { $0.name = name } }

  /// Notes what a reader pays of a call that it leaves to others: nothing where one of them pays, and all of it where the
  /// others are gone and the model had come to its end.
  package func note(charge: TokenUsage) { last.withLock { $0.charge = charge } }

  /// Whether both are the same.
  package static func == (left: AnsweringModel, right: AnsweringModel) -> Bool { left === right }

  /// Hashes its identity.
  package func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }
}

/// How a reply ended.
package struct ReplyEnd: Hashable, Sendable {
  /// `.stop` or `.length`.
  package let finishReason: FinishReason
  /// What it used; `nil` when the model does not say.
  package let usage: TokenUsage?
  /// The spans that the model quotes, where it knows them: each narrows the source of its marker to a sentence.
  package let quotes: [Source]
  /// The tools that the model asks for before it goes on, in its order; only ones that it was offered,
  /// unless the request takes others.
  package let toolCalls: [ModelToolCall]
  /// Whether no model was asked for this reader: the reply, and its usage, are those of another call.
  package let isCached: Bool

  /// Makes an end.
  package init(
    finishReason: FinishReason, usage: TokenUsage?, quotes: [Source] = [], toolCalls: [ModelToolCall] = [],
    isCached: Bool = false
  ) {
    self.finishReason = finishReason
    self.usage = usage
    self.quotes = quotes
    self.toolCalls = toolCalls
    self.isCached = isCached
  }
}

/// Why a model gave no whole reply.
package enum ModelFailure: Error, Hashable, Sendable {
  /// It cannot be reached or has an error of its own; worth another try or another model.
  case unavailable(String)
  /// It is overloaded or a quota is used up; worth another try after `retryAfter`, where the provider names a time, or
  /// another model at once.
  case overloaded(String, retryAfter: Duration?)
  /// It cannot be used as it is set up: its key is refused, or it is not at its address. Another model may do.
  case misconfigured(String)
  /// This server's own limit on calls at once is reached.
  case exhausted(String)
  /// It refuses this request for good.
  case rejected(String)
  /// It refuses this request for good since there is more text in it than it can read.
  case tooLong(String)
  /// It stopped half-way or sent what is no reply.
  case broken(String)
  /// The calling task was cancelled; the upstream call is closed.
  case cancelled
}

extension ModelFailure {
  /// The failure of a request that a model does not take.
  package init(_ unsupported: UnsupportedRequest) {
    switch unsupported {
    case .feature(let reason): self = .rejected(reason)
    case .length(let reason): self = .tooLong(reason)
    }
  }
}

/// Why a model does not take a request, as a sentence for whoever sent it.
package enum UnsupportedRequest: Hashable, Sendable {
  /// There is something in it that the model cannot do.
  case feature(String)
  /// It is surely longer than the model can read.
  case length(String)

  /// The sentence.
  package var reason: String {
    switch self {
    case .feature(let reason), .length(let reason): reason
    }
  }
}

/// Continues a dialogue.
package protocol LanguageModel: Sendable {
  /// The name it is registered and shown under.
  var name: String { get }

  /// What is known of each model that this name may lead to; one for a model that answers itself.
  var profiles: [ModelProfile] { get }

  /// Why the model cannot take a request; `nil` when it takes all of it. Asked before ``reply(to:emit:)``, which refuses
  /// such a request as `.rejected` or `.tooLong`.
  func unsupported(in request: ModelRequest) -> UnsupportedRequest?

  /// Replies, handing over each part of the text as it comes. Each part is handed over before the next is read, so a
  /// slow reader slows the model down. Leaving by cancellation closes the upstream call before this returns.
  ///
  /// - Parameter reader: gets the parts, none of them empty; its error ends the call and is thrown on.
  func reply(to request: ModelRequest, reader: ReplyReader) async throws(ModelFailure) -> ReplyEnd
}

extension LanguageModel {
  /// Replies to a reader that is waited for after each part.
  package func reply(
    to request: ModelRequest, emit: @escaping @Sendable (String) async throws(ModelFailure) -> Void
  ) async throws(ModelFailure) -> ReplyEnd {
    try await reply(to: request, reader: ReplyReader(emit))
  }

  /// Nothing is known.
  package var profiles: [ModelProfile] { [.unknown] }

  /// All is taken.
  package func unsupported(in request: ModelRequest) -> UnsupportedRequest? { nil }
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
