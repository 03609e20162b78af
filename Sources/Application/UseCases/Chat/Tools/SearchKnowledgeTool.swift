import Domain

/// Lets a model look for more passages, by a search like that of the question.
struct SearchKnowledgeTool: ChatTool {
  let search: SearchKnowledge
  /// The most passages of one search.
  let maximumPassages: Int

  private struct Arguments: Decodable {
    let query: String
  }

  let definition = ModelTool(
    name: "search_knowledge",
    description: """
      Looks for passages of the knowledge base, by words and by meaning, and returns them numbered. Use it when the \
      passages so far do not answer the question: with other words, or for a part of the question.
      """,
    parameters: """
      {"type":"object","properties":{"query":{"type":"string","description":"What is looked for: a question or words."}},\
      "required":["query"],"additionalProperties":false}
      """)

  func callAsFunction(_ arguments: String, _ use: ChatToolUse) async throws(ChatToolFailure) -> ChatToolAnswer {
    let query = try ToolArguments.read(Arguments.self, from: arguments).query
    do throws(UseCaseFailure) {
      return .passages(
        try await search(
          SearchKnowledge.Query(text: query, limit: maximumPassages, filters: use.filters, asOf: use.asOf), use.caller))
    } catch {
      throw ChatToolFailure(error)
    }
  }
}
