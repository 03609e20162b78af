import Domain
import FoundationEssentials

/// Finds the passages that a reply is to rest on, and makes them part of what a model is asked.
struct GroundQuestion: Sendable {
  /// What is asked, and in which company.
  struct Question: Sendable {
    let text: String
    /// The messages above it, oldest first.
    let history: [ChatMessage]
    var filters = SearchFilters()
    var asOf: Date?

    /// What was asked above it, oldest first.
    var earlier: [String] { history.filter { $0.role == .user }.map(\.content) }
  }

  /// What was found for a question.
  struct Ground: Sendable {
    let sources: [Source]
    /// What the asker has said about themselves, the newest first.
    let memories: [String]
    /// The tokens of the history that there is room for.
    let historyTokens: Int
  }

  let memories: any MemoryRepository
  let search: SearchKnowledge
  let counter: any TokenCounter
  let settings: WriteReply.Settings

  /// The passages for a question, as many as fit, by what the caller may find.
  ///
  /// - Parameters:
  ///   - room: what the model's window has room for; `nil` where that is not known.
  ///   - messages: what the model gets besides the dialogue of this question.
  ///   - tools: what it is offered.
  func callAsFunction(
    _ question: Question, _ caller: Principal, in room: ContextRoom?, beside messages: [ModelMessage] = [],
    tools: [ModelTool] = []
  ) async throws(UseCaseFailure) -> Ground {
    let memories = try await memories(of: caller)
    let query = SearchKnowledge.Query(
      text: String(question.text.prefix(SearchKnowledge.Query.maximumLength)),
      limit: min(settings.maximumSources * 3, SearchKnowledge.Query.maximumHits), filters: question.filters,
      asOf: question.asOf, history: question.earlier, memories: memories)
    let hits = try await search.withNeighbours(
      try await search(query, caller), of: settings.maximumSources, reach: settings.neighbours, caller)
    func pack(_ budget: Int) -> [Source] {
      ContextPacker.pack(hits, budget: budget, maximumSources: settings.maximumSources, counter: counter)
    }
    guard let room else {
      return Ground(
        sources: pack(settings.sourceTokens), memories: memories, historyTokens: settings.historyTokens)
    }
    // What has to be there; then the history, which gets half of what is left at most; then the passages.
    let bare = Ground(sources: [], memories: memories, historyTokens: 0)
    let left = room.left(beside: dialogue(question, on: bare) + messages, tools: tools)
    let historyTokens = min(settings.historyTokens, max(0, left / 2))
    let spoken = Ground(sources: [], memories: memories, historyTokens: historyTokens)
    let forSources = room.left(beside: dialogue(question, on: spoken) + messages, tools: tools)
    return Ground(
      sources: room.fitting(forSources, budget: settings.sourceTokens, pack: pack), memories: memories,
      historyTokens: historyTokens)
  }

  /// The dialogue for a model: instructions, history, and the question with its passages.
  func dialogue(_ question: Question, on ground: Ground) -> [ModelMessage] {
    PromptComposer.compose(
      memories: ground.memories, history: question.history, question: question.text, sources: ground.sources,
      historyBudget: ground.historyTokens, counter: counter
    ).map { ModelMessage(role: $0.role, content: $0.content) }
  }

  /// The question for a model that reads it by itself, without the messages.
  func standalone(_ question: Question) -> String {
    FollowUpQuestion.standalone(
      question.text, after: question.earlier, maximumLength: StreamChat.Command.maximumLength)
  }

  /// What the asker has said about themselves, the newest first.
  private func memories(of caller: Principal) async throws(UseCaseFailure) -> [String] {
    guard settings.maximumMemories > 0 else { return [] }
    return try await storing("memory") { () async throws(StorageFailure) in
      try await memories.memories(of: caller.owner, page: PageRequest(size: settings.maximumMemories))
    }.items.map(\.content)
  }
}
