import Domain
import FoundationEssentials
import Synchronization

/// Retrieves passages, lets a model reply, checks its citations, and stores what came, whatever ends it.
package struct WriteReply: Sendable {
  /// Sizes that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// How many passages a model gets at most.
    package var maximumSources = 8
    /// The tokens of those passages together.
    package var sourceTokens = 2_000
    /// How many passages before and behind each of the best a model gets as well, where there is room.
    package var neighbours = 0
    /// How many of the asker's memories a model gets at most, the newest.
    package var maximumMemories = 20
    /// The tokens of the history that a model gets.
    package var historyTokens = 2_000
    /// The most tokens of a reply; `nil` leaves it to the model.
    package var replyTokens: Int?
    /// The most bytes of a reply that are kept; a model that goes on is stopped, with the finish reason `length`.
    package var maximumReplyBytes = 1 << 20
    /// How far a model may go with tools.
    package var tools = ToolSettings()

    /// The standard sizes.
    package init() {}
  }

  let conversations: any ConversationRepository
  let models: LanguageModelRegistry
  let ground: GroundQuestion
  let counter: any TokenCounter
  let tools: RunTools
  let settings: Settings
  let replies: ActiveReplies
  let desk: ReplyDesk
  let follow: FollowReply
  let makeID: IDGenerator
  let clock: WallClock

  /// What is to be written.
  struct Order: Sendable {
    let reply: LoggedReply
    let question: ChatMessage
    /// The messages above the question.
    let history: [ChatMessage]
    let model: any LanguageModel
    let asOf: Date?
    let filters: SearchFilters
    /// Settles what it uses; `nil` for a reply that is not metered.
    var meter: UsageMeter?

    /// What passages are looked for with.
    var grounded: GroundQuestion.Question {
      GroundQuestion.Question(text: question.content, history: history, filters: filters, asOf: asOf)
    }
  }

  /// The model of a name.
  func model(named name: String?) throws(UseCaseFailure) -> any LanguageModel {
    guard let model = models.model(named: name) else {
      throw .invalid("there is no model \(name ?? ""); there are: \(models.names.joined(separator: ", "))")
    }
    return model
  }

  /// Enters a reply in the log, has its order made, and writes it: for its reader, or, when it is resumable, for
  /// whoever reads it.
  ///
  /// - Parameter prepare: stores what comes before the reply; when it throws there is no reply.
  func opening(
    isResumable: Bool, _ caller: Principal, meter: UsageMeter?, emit: @escaping ChatEmitter,
    prepare: (LoggedReply) async throws(UseCaseFailure) -> Order
  ) async throws(UseCaseFailure) {
    let reply = LoggedReply(id: makeID(), owner: caller.owner, isResumable: isResumable)
    try await desk.open(reply)
    var order: Order
    do throws(UseCaseFailure) { order = try await prepare(reply) } catch {
      await desk.close(reply)
      throw error
    }
    order.meter = meter
    // From here on `write` finishes it: a resumable reply goes on without its reader.
    meter?.take()
    if isResumable {
      // The desk closes it, when it has been written.
      try await desk.start(reply) { [order] record throws(UseCaseFailure) in
        try await write(order, caller, emit: record)
      }
      return try await follow(reply.id, of: caller.owner, after: 0, emit: emit)
    }
    let result: Result<Void, UseCaseFailure>
    do throws(UseCaseFailure) { result = .success(try await write(order, caller, emit: emit)) } catch {
      result = .failure(error)
    }
    await desk.close(reply)
    try result.get()
  }

  /// What a model's window has room for; `nil` where that is not known.
  func room(of model: any LanguageModel) -> ContextRoom? {
    ContextRoom(in: model, maximumTokens: model.replyTokens(settings.replyTokens), counter: counter)
  }

  private func write(
    _ order: Order, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    let (question, model) = (order.question, order.model)
    let draft = ReplyDraft(
      id: order.reply.id, question: question, model: model.name, owner: caller.owner, meter: order.meter)
    // An unstructured task, so that the reply can be cancelled by id as well as by its reader's leaving.
    let work = Task { () -> Result<ReplyEnd, UseCaseFailure> in
      do throws(UseCaseFailure) {
        try await emit(
          .started(
            conversationID: question.conversationID, messageID: draft.id, userMessageID: question.id,
            model: model.name))
        let found = try await ground(
          order.grounded, caller, in: room(of: model), beside: tools.instructions, tools: tools.definitions)
        draft.setSources(found.sources)
        try await emit(.sources(found.sources))
        return .success(try await generate(draft, order, on: found, caller, emit: emit))
      } catch {
        return .failure(error)
      }
    }
    replies.add(draft.id, of: caller.owner) { work.cancel() }
    defer { replies.remove(draft.id) }
    let result = await withTaskCancellationHandler {
      await work.value
    } onCancel: {
      work.cancel()
    }
    let isTold: Result<Void, UseCaseFailure>
    do throws(UseCaseFailure) {
      isTold = .success(
        try await finish(draft, result, wasCancelledByID: work.isCancelled && !Task.isCancelled, emit: emit))
    } catch {
      isTold = .failure(error)
    }
    // The reader has the last event, or has gone: only the end of the stream waits, so that what it held is free then.
    await order.meter?.finish()
    try isTold.get()
  }

  /// How much of a reply is kept: of a resumable one no more than its log holds.
  func limit(of reply: LoggedReply) -> ReplyDraft.Limit {
    guard reply.isResumable else { return ReplyDraft.Limit(bytes: settings.maximumReplyBytes, parts: .max) }
    return ReplyDraft.Limit(
      bytes: min(settings.maximumReplyBytes, desk.settings.maximumBytes), parts: desk.settings.maximumEvents)
  }

  /// Stores the reply and tells the reader how it ended. Storing happens in a task of its own, which the reader's
  /// leaving does not cancel.
  private func finish(
    _ draft: ReplyDraft, _ result: Result<ReplyEnd, UseCaseFailure>, wasCancelledByID: Bool, emit: ChatEmitter
  ) async throws(UseCaseFailure) {
    let content = draft.content
    let reason: FinishReason
    var quotes: [Source] = []
    var usage: TokenUsage?
    var isCached = false
    switch result {
    case .success(let end):
      (reason, quotes, usage, isCached) = (end.finishReason, end.quotes, end.usage, end.isCached)
    case .failure(.cancelled):
      reason = .cancelled
    case .failure:
      reason = .failed
    }
    let citations = CitationCheck.citations(in: content.text, sources: content.sources, quotes: quotes)
    let used =
      usage
      ?? TokenUsage(promptTokens: counter.count(content.prompt), completionTokens: counter.count(content.text))
    draft.meter?.note(
      isCached ? .none : used, as: UsageOutcome(reason), hasSpoken: !content.text.isEmpty, ended: content.ended)
    let message = ChatMessage(
      id: draft.id, conversationID: draft.question.conversationID, parentID: draft.question.id, role: .assistant,
      content: content.text, sources: content.sources, citations: citations, model: draft.model, finishReason: reason,
      usage: used, createdAt: clock.now())
    let stored = await Task { [conversations, owner = draft.owner] () -> UseCaseFailure? in
      do throws(StorageFailure) {
        try await conversations.append(message, of: owner)
        return nil
      } catch {
        return UseCaseFailure(error, "conversation")
      }
    }.value
    if case .failure(let failure) = result, !(failure == .cancelled && wasCancelledByID) { throw failure }
    if let stored { throw stored }
    try await emit(.completed(finishReason: reason, usage: used, citations: citations))
  }
}

/// A reply while it is written; shared by the task that writes it and the one that stores it.
final class ReplyDraft: Sendable {
  struct Content {
    var prompt = ""
    var text = ""
    var sources: [Source] = []
    var parts = 0
    var isFull = false
    /// What the rounds that have ended used.
    var ended = TokenUsage.none
  }

  /// How much of a reply is taken.
  struct Limit: Sendable {
    let bytes: Int
    let parts: Int
  }

  let id: MessageID
  let question: ChatMessage
  let model: String
  let owner: Owner
  let meter: UsageMeter?
  private let state = Mutex(Content())

  init(id: MessageID, question: ChatMessage, model: String, owner: Owner, meter: UsageMeter?) {
    self.meter = meter
    self.id = id
    self.question = question
    self.model = model
    self.owner = owner
  }

  var content: Content { state.withLock { $0 } }
  var isFull: Bool { state.withLock { $0.isFull } }

  func setSources(_ sources: [Source]) { state.withLock { $0.sources = sources } }
  func addSources(_ sources: [Source]) { state.withLock { $0.sources += sources } }
  /// Notes what the model has read in one more round.
  func addPrompt(_ prompt: String) { state.withLock { $0.prompt += $0.prompt.isEmpty ? prompt : "\n" + prompt } }

  /// Notes what the rounds that have ended used together.
  func setEnded(_ usage: TokenUsage) { state.withLock { $0.ended = usage } }

  /// Adds a part; `false` when it would go over the limit, and then nothing is added.
  func append(_ part: String, limit: Limit) -> Bool {
    state.withLock { content in
      guard content.text.utf8.count + part.utf8.count <= limit.bytes, content.parts < limit.parts else {
        content.isFull = true
        return false
      }
      content.parts += 1
      content.text += part
      return true
    }
  }
}

extension UsageOutcome {
  /// How a call ended whose reply ended so.
  init(_ reason: FinishReason) {
    switch reason {
    case .stop, .length: self = .completed
    case .cancelled: self = .cancelled
    case .failed: self = .failed
    }
  }
}

extension UseCaseFailure {
  /// What a model's failure means to the reader.
  init(_ failure: ModelFailure) {
    switch failure {
    case .unavailable(let why), .misconfigured(let why): self = .unavailable(why)
    case .overloaded(let why, let retryAfter): self = .overloaded(why, retryAfter: retryAfter)
    case .exhausted(let why): self = .exhausted(why)
    case .rejected(let why): self = .invalid(why)
    case .tooLong(let why): self = .tooLong(why)
    case .broken(let why): self = .unavailable(why)
    case .cancelled: self = .cancelled
    }
  }
}
