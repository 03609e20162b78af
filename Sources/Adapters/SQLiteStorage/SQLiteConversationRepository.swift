package import Application
package import Domain
package import FoundationEssentials
import GRDB
import StoredJSON

/// Conversations in SQLite.
package struct SQLiteConversationRepository: ConversationRepository {
  private let database: SQLiteDatabase

  /// Reads and writes the conversations of `database`.
  package init(_ database: SQLiteDatabase) { self.database = database }

  package func insert(_ conversation: Conversation) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: """
          INSERT INTO conversations (id, organization_id, user_id, title, created_at, updated_at)
          VALUES (?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          conversation.id.sql, conversation.organizationID.sql, conversation.userID.sql, conversation.title.sql,
          conversation.createdAt.sql, conversation.updatedAt.sql,
        ])
    }
  }

  package func conversation(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) -> Conversation? {
    try await database.read { db in
      try Row.fetchOne(
        db, cached: "SELECT * FROM conversations WHERE id = ? AND organization_id = ? AND user_id = ?",
        arguments: [id.sql, owner.organizationID.sql, owner.userID.sql]
      ).map(Conversation.init(row:))
    }
  }

  package func conversations(
    of owner: Owner, page: PageRequest
  ) async throws(StorageFailure) -> Page<Conversation> {
    try await database.read { db in
      try Page.fetch(
        db, select: "SELECT * FROM conversations",
        where: [("organization_id = ?", [owner.organizationID.sql]), ("user_id = ?", [owner.userID.sql])],
        time: "updated_at", page: page, read: Conversation.init(row:))
    }
  }

  package func rename(
    _ id: ConversationID, of owner: Owner, to title: String, at time: Date
  ) async throws(StorageFailure) -> Conversation {
    try await database.write { db in
      let changed = try Row.fetchOne(
        db,
        cached: """
          UPDATE conversations SET title = ?, updated_at = ?
          WHERE id = ? AND organization_id = ? AND user_id = ? RETURNING *
          """,
        arguments: [title.sql, time.sql, id.sql, owner.organizationID.sql, owner.userID.sql])
      guard let changed else { throw StorageFailure.notFound }
      return try Conversation(row: changed)
    }
  }

  package func delete(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: "DELETE FROM conversations WHERE id = ? AND organization_id = ? AND user_id = ?",
        arguments: [id.sql, owner.organizationID.sql, owner.userID.sql])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
    }
  }

  package func append(_ message: ChatMessage, of owner: Owner) async throws(StorageFailure) {
    try await database.write { db in
      try db.execute(
        cached: "UPDATE conversations SET updated_at = ? WHERE id = ? AND organization_id = ? AND user_id = ?",
        arguments: [
          message.createdAt.sql, message.conversationID.sql, owner.organizationID.sql, owner.userID.sql,
        ])
      guard db.changesCount == 1 else { throw StorageFailure.notFound }
      if let parentID = message.parentID {
        let parent = try Row.fetchOne(
          db, cached: "SELECT 1 FROM chat_messages WHERE id = ? AND conversation_id = ?",
          arguments: [parentID.sql, message.conversationID.sql])
        guard parent != nil else { throw StorageFailure.notFound }
      }
      try db.execute(
        cached: """
          INSERT INTO chat_messages (id, conversation_id, organization_id, parent_id, role, content, sources, citations,
            model, finish_reason, prompt_tokens, completion_tokens, created_at)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
          """,
        arguments: [
          message.id.sql, message.conversationID.sql, owner.organizationID.sql, message.parentID.sql,
          message.role.rawValue.sql, message.content.sql, try message.sources.map(SourceJSON.init).json(),
          try message.citations.map { SourceJSON($0.source) }.json(), message.model.sql,
          (message.finishReason?.rawValue).sql, message.usage.promptTokens, message.usage.completionTokens,
          message.createdAt.sql,
        ])
    }
  }

  package func messages(of id: ConversationID, owner: Owner) async throws(StorageFailure) -> [ChatMessage] {
    try await database.read { db in
      let conversation = try Row.fetchOne(
        db, cached: "SELECT 1 FROM conversations WHERE id = ? AND organization_id = ? AND user_id = ?",
        arguments: [id.sql, owner.organizationID.sql, owner.userID.sql])
      guard conversation != nil else { throw StorageFailure.notFound }
      return try Row.fetchAll(
        db,
        cached: """
          SELECT * FROM chat_messages WHERE conversation_id = ? AND organization_id = ? ORDER BY created_at, id
          """,
        arguments: [id.sql, owner.organizationID.sql]
      ).map(ChatMessage.init(row:))
    }
  }
}
