package import Application
import Domain
import FoundationEssentials
import SwiftProtobuf

// Requests as commands of the use cases, and back: the gateway reads what a client sends and writes it anew for the
// intelligence side.

extension StreamChat.Command {
  /// Reads a question.
  ///
  /// - Throws: `invalid_argument`, or `not_found` for a conversation's id that is none.
  package init(_ request: Opentier_V1_StreamChatRequest) throws(ContractError) {
    self.init(
      message: request.message,
      conversationID: request.hasConversationID
        ? try ConversationID(of: "conversation", request.conversationID) : nil,
      parentID: request.hasParentID ? try MessageID(field: "parentId", request.parentID) : nil,
      model: request.hasModel ? request.model : nil,
      asOf: request.hasAsOf ? try request.asOf.date("asOf") : nil,
      filters: try SearchFilters(request.filters), isResumable: request.resumable)
  }
}

extension Opentier_V1_StreamChatRequest {
  /// A question.
  package init(_ command: StreamChat.Command) {
    self.init()
    message = command.message
    if let id = command.conversationID { conversationID = id.description }
    if let id = command.parentID { parentID = id.description }
    if let name = command.model { model = name }
    if let time = command.asOf { asOf = Google_Protobuf_Timestamp(time) }
    if !command.filters.isEmpty { filters = Opentier_V1_SearchFilters(command.filters) }
    if command.isResumable { resumable = true }
  }
}

extension RegenerateMessage.Command {
  /// Reads which answer is meant.
  ///
  /// - Throws: `not_found` for ids that are none.
  package init(_ request: Opentier_V1_RegenerateMessageRequest) throws(ContractError) {
    self.init(
      messageID: try MessageID(of: "message", request.messageID),
      conversationID: try ConversationID(of: "conversation", request.conversationID),
      model: request.hasModel ? request.model : nil, isResumable: request.resumable)
  }
}

extension Opentier_V1_RegenerateMessageRequest {
  /// Names an answer.
  package init(_ command: RegenerateMessage.Command) {
    self.init()
    messageID = command.messageID.description
    conversationID = command.conversationID.description
    if let name = command.model { model = name }
    if command.isResumable { resumable = true }
  }
}

extension ResumeChat.Command {
  /// Reads where to go on.
  ///
  /// - Throws: `not_found` for an id that is none.
  package init(_ request: Opentier_V1_ResumeChatRequest) throws(ContractError) {
    self.init(messageID: try MessageID(of: "reply", request.messageID), lastEventID: Int(request.lastEventID))
  }
}

extension Opentier_V1_ResumeChatRequest {
  /// Says where to go on.
  package init(_ command: ResumeChat.Command) {
    self.init()
    messageID = command.messageID.description
    if command.lastEventID > 0 { lastEventID = UInt32(clamping: command.lastEventID) }
  }
}

extension SearchKnowledge.Query {
  /// Reads a query.
  ///
  /// - Throws: `invalid_argument`.
  package init(_ request: Opentier_V1_SearchRequest) throws(ContractError) {
    self.init(
      text: request.query, mode: try SearchMode(request.mode),
      limit: request.hasLimit ? Int(request.limit) : Self.defaultHits, filters: try SearchFilters(request.filters),
      asOf: request.hasAsOf ? try request.asOf.date("asOf") : nil)
  }
}

extension Opentier_V1_SearchRequest {
  /// A query.
  package init(_ query: SearchKnowledge.Query) {
    self.init()
    self.query = query.text
    switch query.mode {
    case .lexical: mode = .lexical
    case .semantic: mode = .semantic
    case .hybrid: mode = .hybrid
    }
    limit = UInt32(clamping: query.limit)
    if !query.filters.isEmpty { filters = Opentier_V1_SearchFilters(query.filters) }
    if let time = query.asOf { asOf = Google_Protobuf_Timestamp(time) }
  }
}

extension Opentier_V1_SearchFilters {
  /// What narrows a search; lists in a fixed order.
  init(_ filters: SearchFilters) {
    self.init()
    documentIds = filters.documentIDs.sorted().map(\.description)
    tags = filters.tags.sorted()
    if let id = filters.contributorID { contributorID = id.description }
    if let prefix = filters.sourcePrefix { sourceUriPrefix = prefix }
    if let time = filters.publishedAfter { publishedAfter = Google_Protobuf_Timestamp(time) }
    if let time = filters.publishedBefore { publishedBefore = Google_Protobuf_Timestamp(time) }
  }
}
