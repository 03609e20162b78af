import Domain
import FoundationEssentials
import GRDB
import StoredJSON

extension Conversation {
  /// Reads a row of `conversations`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), organizationID: try row.id("organization_id"), userID: try row.id("user_id"),
      title: try row.value("title"), createdAt: try row.time("created_at"), updatedAt: try row.time("updated_at"))
  }
}

extension ChatMessage {
  /// Reads a row of `chat_messages`.
  init(row: Row) throws {
    self.init(
      id: try row.id("id"), conversationID: try row.id("conversation_id"),
      parentID: try row.optionalID("parent_id"), role: try row.enumeration("role"),
      content: try row.value("content"),
      sources: try row.json("sources", as: [SourceJSON].self).map(\.source),
      citations: try row.json("citations", as: [SourceJSON].self).map { Citation(source: $0.source) },
      model: try row.optional("model"),
      finishReason: try row.optional("finish_reason", as: String.self).map { text in
        guard let reason = FinishReason(rawValue: text) else { throw UnreadableValue(column: "finish_reason") }
        return reason
      },
      usage: TokenUsage(
        promptTokens: try row.value("prompt_tokens"), completionTokens: try row.value("completion_tokens")),
      createdAt: try row.time("created_at"))
  }
}
