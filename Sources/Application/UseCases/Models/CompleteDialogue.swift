package import Domain
import Synchronization

/// Has a model go on with a dialogue or a text that the caller sends whole; nothing of it is stored.
///
/// The models are those of the chat, behind the same limits, breakers and fail-over. A name with ``groundedPrefix`` before
/// it answers the last question from passages that the caller may find, and its citations are checked.
///
/// A class, so that where a call waits it holds no more of it than a reference.
package final class CompleteDialogue: Sendable {
  /// What stands before a model's name where the answer is to rest on passages.
  package static let groundedPrefix = "rag:"
  /// The most messages of a dialogue.
  package static let maximumMessages = 4_096

  /// What is to be gone on with.
  package struct Command: Hashable, Sendable {
    private struct Content: Hashable, Sendable {
      let model: String
      let messages: [ModelMessage]
      let prompt: ModelPrompt?
      let tools: [ModelTool]
      let options: GenerationOptions
      let maximumTokens: Int?
      let isWhole: Bool
    }

    private let content: Boxed<Content>

    /// The model's name, with ``CompleteDialogue/groundedPrefix`` or without.
    package var model: String { content.value.model }
    /// The dialogue, oldest first; empty where there is a prompt.
    package var messages: [ModelMessage] { content.value.messages }
    /// A text in place of a dialogue.
    package var prompt: ModelPrompt? { content.value.prompt }
    /// The tools that the model may ask for.
    package var tools: [ModelTool] { content.value.tools }
    /// How it is to generate.
    package var options: GenerationOptions { content.value.options }
    /// The most tokens of the reply; `nil` leaves it to the model.
    package var maximumTokens: Int? { content.value.maximumTokens }

    /// Whether the reply is wanted whole, and none of its parts before.
    package var isWhole: Bool { content.value.isWhole }

    /// Whether the answer is to rest on passages.
    package var isGrounded: Bool { model.hasPrefix(CompleteDialogue.groundedPrefix) }

    /// The name of the model itself.
    var modelName: String { isGrounded ? String(model.dropFirst(CompleteDialogue.groundedPrefix.count)) : model }

    /// Makes a command.
    package init(
      model: String, messages: [ModelMessage], prompt: ModelPrompt? = nil, tools: [ModelTool] = [],
      options: GenerationOptions = GenerationOptions(), maximumTokens: Int? = nil, isWhole: Bool = false
    ) {
      content = Boxed(
        Content(
          model: model, messages: messages, prompt: prompt, tools: tools, options: options,
          maximumTokens: maximumTokens, isWhole: isWhole))
    }
  }

  private let models: LanguageModelRegistry
  private let ground: GroundQuestion
  private let counter: any TokenCounter
  private let settings: WriteReply.Settings
  private let makeID: IDGenerator
  private let clock: WallClock

  init(
    models: LanguageModelRegistry, ground: GroundQuestion, counter: any TokenCounter, settings: WriteReply.Settings,
    makeID: IDGenerator, clock: WallClock
  ) {
    self.models = models
    self.ground = ground
    self.counter = counter
    self.settings = settings
    self.makeID = makeID
    self.clock = clock
  }

  /// Streams the reply: `sources` for a grounded one, any number of `delta`, `completed`. The next event is not made
  /// before `reader` is ready for it.
  ///
  /// - Throws: `.notFound` for a model that there is not; `.invalid` for what the model does not take; what the model fails
  ///   with. What was said before a failure has been emitted.
  package func callAsFunction(
    _ command: Command, _ caller: Principal, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    try await self(command, caller, meter: nil, reader: reader)
  }

  func callAsFunction(
    _ command: Command, _ caller: Principal, meter: UsageMeter?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    let model = try model(for: command)
    let request = try await request(command, caller, for: model, meter, reader)
    let end = try await generate(request, by: model, meter, reader)
    try await reader.write(.completed(end))
  }

  /// What the model is asked. Never inlined: what it needs would be kept while the call waits for the model.
  @inline(never)
  private func request(
    _ command: Command, _ caller: Principal, for model: any LanguageModel, _ meter: UsageMeter?,
    _ reader: CompletionReader
  ) async throws(UseCaseFailure) -> ModelRequest {
    var request =
      command.isGrounded
      ? try await grounded(command, caller, for: model, reader) : Self.plain(command, caller)
    if let unsupported = model.unsupported(in: request) { throw UseCaseFailure(ModelFailure(unsupported)) }
    request.answering = meter?.answering
    request.isWantedWhole = command.isWhole
    return request
  }

  /// The model that a command names, which is checked.
  private func model(for command: Command) throws(UseCaseFailure) -> any LanguageModel {
    let name = command.modelName
    guard !name.isEmpty, let model = models.model(named: name) else {
      throw .notFound("the model \(command.model.prefix(200)) does not exist")
    }
    guard command.prompt != nil || !command.messages.isEmpty else { throw .invalid("messages must not be empty") }
    guard command.messages.count <= Self.maximumMessages else {
      throw .invalid("messages must be at most \(Self.maximumMessages)")
    }
    return model
  }

  private static func plain(_ command: Command, _ caller: Principal) -> ModelRequest {
    ModelRequest(
      messages: command.messages, question: command.messages.last { $0.isQuestion }?.content ?? "", sources: [],
      maximumTokens: command.maximumTokens, tools: command.tools, options: command.options, isGrounded: false,
      prompt: command.prompt, organizationID: caller.organizationID)
  }

  /// The request with the passages for the last question. What follows it, such as what tools have answered, stays.
  private func grounded(
    _ command: Command, _ caller: Principal, for model: any LanguageModel, _ reader: CompletionReader
  ) async throws(UseCaseFailure) -> ModelRequest {
    guard command.prompt == nil else { throw .invalid("passages are found for a dialogue, and not for a prompt") }
    guard let last = command.messages.lastIndex(where: { $0.isQuestion }) else {
      throw .invalid("messages must hold a question of the user's")
    }
    let question = GroundQuestion.Question(
      text: command.messages[last].content, history: command.messages[..<last].map(historical))
    let maximumTokens = command.maximumTokens ?? model.replyTokens(settings.replyTokens)
    let found = try await ground(
      question, caller, in: ContextRoom(in: model, maximumTokens: maximumTokens, counter: counter),
      beside: Array(command.messages[(last + 1)...]), tools: command.tools)
    try await reader.write(.sources(found.sources))
    var dialogue = ground.dialogue(question, on: found)
    if let asked = dialogue.popLast() {
      dialogue.append(
        ModelMessage(role: asked.role, content: asked.content, images: command.messages[last].images))
    }
    return ModelRequest(
      messages: dialogue + command.messages[(last + 1)...], question: ground.standalone(question),
      sources: found.sources, maximumTokens: maximumTokens, tools: command.tools,
      options: command.options, organizationID: caller.organizationID)
  }

  /// A message as history knows it. The marks of citations in earlier replies are left out: their numbers were those of
  /// other passages.
  private func historical(_ message: ModelMessage) -> ChatMessage {
    let content = message.role == .assistant ? CitationCheck.withoutMarkers(message.content) : message.content
    return ChatMessage(
      id: makeID(), conversationID: makeID(), parentID: nil, role: message.role, content: content,
      createdAt: clock.now())
  }

  // A function of its own, never inlined: small steps leave less unused of the memory that a task takes in pieces.
  @inline(never)
  private func generate(
    _ request: ModelRequest, by model: any LanguageModel, _ meter: UsageMeter?, _ reader: CompletionReader
  ) async throws(UseCaseFailure) -> CompletionEnd {
    let reply = GrowingReply(limit: settings.maximumReplyBytes)
    request.answering?.note(model.name)
    let result: Result<ReplyEnd, ModelFailure>
    do throws(ModelFailure) {
      result = .success(try await model.reply(to: request, reader: reply.reader(before: reader)))
    } catch {
      result = .failure(error)
    }
    return try ended(result, reply, request, meter)
  }

  /// Settles what a reply used, and says how it ended.
  private func ended(
    _ result: Result<ReplyEnd, ModelFailure>, _ reply: GrowingReply, _ request: ModelRequest, _ meter: UsageMeter?
  ) throws(UseCaseFailure) -> CompletionEnd {
    let (text, isFull) = reply.state
    // Of a model that does not say what it used.
    func counted() -> TokenUsage {
      let prompt = request.prompt?.text ?? request.messages.map(\.content).joined(separator: "\n")
      return TokenUsage(promptTokens: counter.count(prompt), completionTokens: counter.count(text))
    }
    let end: ReplyEnd
    switch result {
    case .success(let whole): end = whole
    case .failure where isFull: end = ReplyEnd(finishReason: .length, usage: nil)
    case .failure(let failure):
      meter?.note(counted(), as: failure == .cancelled ? .cancelled : .failed, hasSpoken: !text.isEmpty)
      throw UseCaseFailure(failure)
    }
    let usage = end.usage ?? counted()
    meter?.note(end.isCached ? .none : usage, as: .completed, hasSpoken: !text.isEmpty)
    return CompletionEnd(
      finishReason: end.finishReason, toolCalls: end.toolCalls, usage: usage,
      citations: request.isGrounded
        ? CitationCheck.citations(in: text, sources: request.sources, quotes: end.quotes) : [])
  }
}

/// What a model has said so far, up to a limit.
private final class GrowingReply: Sendable {
  private let limit: Int
  private let content = Mutex((text: "", isFull: false))

  /// - Parameter limit: the most bytes.
  init(limit: Int) { self.limit = limit }

  var state: (text: String, isFull: Bool) { content.withLock { $0 } }

  /// Takes the parts, and hands them on; what is beyond the limit ends the reply.
  func reader(before next: CompletionReader) -> ReplyReader {
    ReplyReader { part throws(ModelFailure) in
      guard self.add(part) else { throw .cancelled }
      do { return try next.take(.delta(part)) } catch { throw .cancelled }
    } untilReady: { () throws(ModelFailure) in
      do { try await next.untilReady() } catch { throw .cancelled }
    }
  }

  private func add(_ part: String) -> Bool {
    content.withLock { content in
      content.isFull = content.text.utf8.count + part.utf8.count > limit
      if !content.isFull { content.text += part }
      return !content.isFull
    }
  }
}

extension ModelMessage {
  /// Whether it is something that the user says.
  fileprivate var isQuestion: Bool { role == .user && !content.isEmpty }
}

/// What the reader of a completion sees, in order.
package enum CompletionEvent: Hashable, Sendable {
  /// The passages that the model gets; of a grounded reply alone.
  case sources([Source])
  /// The next part of the text, never empty.
  case delta(String)
  /// The reply is whole.
  case completed(CompletionEnd)
}

/// How a completion ended.
package struct CompletionEnd: Hashable, Sendable {
  /// `.stop` or `.length`.
  package let finishReason: FinishReason
  /// The tools that the model asks for.
  package let toolCalls: [ModelToolCall]
  /// What it used.
  package let usage: TokenUsage
  /// The checked citations of a grounded reply, in the order of their first marker.
  package let citations: [Citation]

  /// Makes an end.
  package init(
    finishReason: FinishReason, toolCalls: [ModelToolCall] = [], usage: TokenUsage, citations: [Citation] = []
  ) {
    self.finishReason = finishReason
    self.toolCalls = toolCalls
    self.usage = usage
    self.citations = citations
  }
}
