import Application
import Domain
import SwiftProtobuf

extension Opentier_V1_Conversation {
  /// A conversation.
  init(_ conversation: Conversation) {
    self.init()
    id = conversation.id.description
    title = conversation.title
    createdAt = Google_Protobuf_Timestamp(conversation.createdAt)
    updatedAt = Google_Protobuf_Timestamp(conversation.updatedAt)
  }
}

extension Opentier_V1_MessageRole {
  /// A role.
  init(_ role: MessageRole) {
    switch role {
    case .user: self = .user
    case .assistant: self = .assistant
    case .system: self = .system
    }
  }
}

extension Opentier_V1_ChatMessage {
  /// A message.
  init(_ message: ChatMessage) {
    self.init()
    id = message.id.description
    conversationID = message.conversationID.description
    if let parent = message.parentID { parentID = parent.description }
    role = Opentier_V1_MessageRole(message.role)
    content = message.content
    if message.role == .assistant {
      if let name = message.model { model = name }
      if let reason = message.finishReason { finishReason = reason.rawValue }
      usage = Opentier_V1_TokenUsage(message.usage)
    }
    sources = message.sources.map(Opentier_V1_Source.init)
    citations = message.citations.map(Opentier_V1_Citation.init)
    createdAt = Google_Protobuf_Timestamp(message.createdAt)
  }
}

extension Opentier_V1_TokenUsage {
  /// Tokens used.
  init(_ usage: TokenUsage) {
    self.init()
    promptTokens = UInt32(count: usage.promptTokens)
    completionTokens = UInt32(count: usage.completionTokens)
  }
}

extension Opentier_V1_Source {
  /// A passage under its marker.
  init(_ source: Source) {
    self.init()
    marker = UInt32(count: source.marker)
    documentID = source.documentID.description
    revisionID = source.revisionID.description
    chunkID = source.chunkID.description
    title = source.title
    text = source.text
    startOffset = UInt32(count: source.startOffset)
    endOffset = UInt32(count: source.endOffset)
    submittedBy = source.submittedBy
    approvedBy = source.approvedBy
    if let pages = source.pages {
      startPage = UInt32(count: pages.first)
      endPage = UInt32(count: pages.last)
    }
  }
}

extension Opentier_V1_Citation {
  /// A checked citation.
  init(_ citation: Citation) {
    self.init()
    let source = citation.source
    marker = UInt32(count: source.marker)
    documentID = source.documentID.description
    revisionID = source.revisionID.description
    chunkID = source.chunkID.description
    title = source.title
    text = source.text
    startOffset = UInt32(count: source.startOffset)
    endOffset = UInt32(count: source.endOffset)
    submittedBy = source.submittedBy
    approvedBy = source.approvedBy
    if let pages = source.pages {
      startPage = UInt32(count: pages.first)
      endPage = UInt32(count: pages.last)
    }
  }
}
