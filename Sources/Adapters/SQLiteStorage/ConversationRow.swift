import Domain
import FoundationEssentials
import GRDB

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

/// A source as the columns `sources` and `citations` hold it.
struct SourceJSON: Codable {
  let marker: Int
  let documentID: UUID
  let revisionID: UUID
  let chunkID: UUID
  let title: String
  let text: String
  let startOffset: Int
  let endOffset: Int
  let submittedBy: String
  let approvedBy: String

  init(_ source: Source) {
    marker = source.marker
    documentID = source.documentID.uuid
    revisionID = source.revisionID.uuid
    chunkID = source.chunkID.uuid
    title = source.title
    text = source.text
    startOffset = source.startOffset
    endOffset = source.endOffset
    submittedBy = source.submittedBy
    approvedBy = source.approvedBy
  }

  var source: Source {
    Source(
      marker: marker, documentID: DocumentID(documentID), revisionID: RevisionID(revisionID),
      chunkID: ChunkID(chunkID), title: title, text: text, startOffset: startOffset, endOffset: endOffset,
      submittedBy: submittedBy, approvedBy: approvedBy)
  }
}
