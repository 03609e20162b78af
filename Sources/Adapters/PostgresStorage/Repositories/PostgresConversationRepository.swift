package import Application
package import Domain
package import FoundationEssentials
import StoredJSON

/// Conversations in PostgreSQL.
package struct PostgresConversationRepository: ConversationRepository {
  private let database: PostgresDatabase

  /// Reads and writes the conversations of `database`.
  package init(_ database: PostgresDatabase) { self.database = database }

  package func insert(_ conversation: Conversation) async throws(StorageFailure) {
    _ = try await database.query(
      in: conversation.organizationID,
      """
      INSERT INTO conversations (id, organization_id, user_id, title, created_at, updated_at)
      VALUES (\(conversation.id), \(conversation.organizationID), \(conversation.userID.description),
        \(conversation.title), \(conversation.createdAt), \(conversation.updatedAt))
      """)
  }

  package func conversation(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) -> Conversation? {
    try await database.fetchFirst(
      in: owner.organizationID, "SELECT * FROM conversations WHERE id = \(id) AND \(owner.condition)",
      Conversation.init(row:))
  }

  package func conversations(
    of owner: Owner, page: PageRequest
  ) async throws(StorageFailure) -> Page<Conversation> {
    try await database.page(
      in: owner.organizationID, "SELECT * FROM conversations", where: [owner.condition], time: "updated_at", page,
      Conversation.init(row:))
  }

  package func rename(
    _ id: ConversationID, of owner: Owner, to title: String, at time: Date
  ) async throws(StorageFailure) -> Conversation {
    let changed = try await database.change(
      in: owner.organizationID,
      """
      UPDATE conversations SET title = \(title), updated_at = \(time) WHERE id = \(id) AND \(owner.condition) RETURNING *
      """, Conversation.init(row:))
    guard let conversation = changed.first else { throw .notFound }
    return conversation
  }

  package func delete(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) {
    let deleted = try await database.query(
      in: owner.organizationID, "DELETE FROM conversations WHERE id = \(id) AND \(owner.condition) RETURNING id")
    if deleted.isEmpty { throw .notFound }
  }

  package func append(_ message: ChatMessage, of owner: Owner) async throws(StorageFailure) {
    try await database.write(in: owner.organizationID) { transaction in
      let sources = try JSONB(message.sources.map(SourceJSON.init))
      let citations = try JSONB(message.citations.map { SourceJSON($0.source) })
      let appended = try await transaction.first(
        """
        WITH conversation AS (
          UPDATE conversations SET updated_at = \(message.createdAt)
          WHERE id = \(message.conversationID) AND \(owner.condition) RETURNING id, organization_id
        )
        INSERT INTO chat_messages (id, conversation_id, organization_id, parent_id, role, content, sources, citations,
          model, finish_reason, prompt_tokens, completion_tokens, created_at)
        SELECT \(message.id), id, organization_id, \(message.parentID), \(enumeration: message.role)::message_role,
          \(message.content), \(sources), \(citations), \(message.model), \(message.finishReason?.rawValue),
          \(message.usage.promptTokens), \(message.usage.completionTokens), \(message.createdAt)
        FROM conversation
        RETURNING id
        """)
      // The parent is checked by its foreign key, which names the conversation as well.
      if appended == nil { throw StorageFailure.notFound }
    }
  }

  package func messages(of id: ConversationID, owner: Owner) async throws(StorageFailure) -> [ChatMessage] {
    // One row without a message tells a conversation that has none from one that is not there.
    let messages = try await database.fetch(
      in: owner.organizationID,
      """
      SELECT m.* FROM conversations AS c LEFT JOIN chat_messages AS m ON m.conversation_id = c.id
      WHERE c.id = \(id) AND c.organization_id = \(owner.organizationID) AND c.user_id = \(owner.userID.description)
      ORDER BY m.created_at, m.id
      """
    ) { row in try row.optional("id", as: UUID.self) == nil ? nil : ChatMessage(row: row) }
    guard !messages.isEmpty else { throw .notFound }
    return messages.compactMap(\.self)
  }
}

extension Owner {
  /// What holds for the rows of `conversations`, and of `chat_replies`, that are the owner's.
  var condition: SQL { "organization_id = \(organizationID) AND user_id = \(userID.description)" }
}
