import Domain
import FoundationEssentials
import StoredJSON

extension Conversation {
  /// Reads a row of `conversations`.
  init(row: PostgresRow) throws {
    guard let owner = UserID(try row.value("user_id", as: String.self)) else {
      throw UnreadableValue(column: "user_id")
    }
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), userID: owner,
      title: try row.value("title"), createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }
}

extension ChatMessage {
  /// Reads a row of `chat_messages`.
  init(row: PostgresRow) throws {
    self.init(
      id: try row.id("id"), conversationID: try row.id("conversation_id"),
      parentID: try row.optionalID("parent_id"), role: try row.enumeration("role"),
      content: try row.value("content"), sources: try Self.sources(in: row, "sources"),
      citations: try Self.sources(in: row, "citations").map(Citation.init),
      model: try row.optional("model"), finishReason: try row.optionalEnumeration("finish_reason"),
      usage: TokenUsage(
        promptTokens: try row.value("prompt_tokens"), completionTokens: try row.value("completion_tokens")),
      createdAt: try row.time("created_at"))
  }

  private static func sources(in row: PostgresRow, _ column: String) throws -> [Source] {
    try row.json(column, as: [SourceJSON].self).map(\.source)
  }
}
