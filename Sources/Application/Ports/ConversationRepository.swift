package import Domain
package import FoundationEssentials

/// Conversations and their messages; other people's are not found.
package protocol ConversationRepository: Sendable {
  /// Stores a conversation.
  func insert(_ conversation: Conversation) async throws(StorageFailure)

  /// A conversation of its owner.
  func conversation(_ id: ConversationID, of owner: Owner) async throws(StorageFailure) -> Conversation?

  /// An owner's conversations, the last changed first.
  func conversations(of owner: Owner, page: PageRequest) async throws(StorageFailure) -> Page<Conversation>

  /// Changes the title.
  ///
  /// - Throws: `.notFound`.
  func rename(
    _ id: ConversationID, of owner: Owner, to title: String, at time: Date
  ) async throws(StorageFailure) -> Conversation

  /// Deletes a conversation with its messages.
  ///
  /// - Throws: `.notFound`.
  func delete(_ id: ConversationID, of owner: Owner) async throws(StorageFailure)

  /// Adds a message and moves the conversation's `updatedAt` to the message's time.
  ///
  /// - Throws: `.notFound` when the conversation is not the owner's, or the parent is not a message of it;
  ///   `.conflict("message")` when the id is taken.
  func append(_ message: ChatMessage, of owner: Owner) async throws(StorageFailure)

  /// All messages of a conversation by time, then id.
  ///
  /// - Throws: `.notFound` when the conversation is not the owner's.
  func messages(of id: ConversationID, owner: Owner) async throws(StorageFailure) -> [ChatMessage]
}
