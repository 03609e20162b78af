package import Application
package import Domain

// What only the private contract carries, and its answers read back into the values that they were made of. Such an
// answer comes from a server of ours: what cannot be read is a defect.

extension Principal {
  /// Reads on whose behalf the gateway calls.
  ///
  /// - Throws: `invalid_argument` where the gateway does not say.
  package init(_ caller: Opentier_Intelligence_V1_Caller) throws(ContractError) {
    let role: UserRole
    switch caller.role {
    case .user: role = .user
    case .contributor: role = .contributor
    case .admin: role = .admin
    case .unspecified, .UNRECOGNIZED: throw .invalid("caller.role", "must be a UserRole")
    }
    self.init(
      userID: try UserID(field: "caller.userId", caller.userID),
      organizationID: try OrganizationID(field: "caller.organizationId", caller.organizationID), role: role,
      sessionID: caller.hasSessionID ? try SessionID(field: "caller.sessionId", caller.sessionID) : nil)
  }
}

extension Opentier_Intelligence_V1_Caller {
  /// A caller.
  package init(_ principal: Principal) {
    self.init()
    userID = principal.userID.description
    organizationID = principal.organizationID.description
    role = Opentier_V1_UserRole(principal.role)
    if let session = principal.sessionID { sessionID = session.description }
  }
}

extension ChatEvent {
  /// Reads an event of an answer.
  ///
  /// - Throws: `internal` for what is no event.
  package init(_ message: Opentier_V1_StreamChatResponse) throws(ContractError) {
    switch message.event {
    case .started(let event):
      self = .started(
        conversationID: try ConversationID(answered: event.conversationID),
        messageID: try MessageID(answered: event.messageID),
        userMessageID: try MessageID(answered: event.userMessageID), model: event.model)
    case .sources(let event):
      var sources: [Source] = []
      for source in event.sources { sources.append(try Source(source)) }
      self = .sources(sources)
    case .delta(let event): self = .delta(event.text)
    case .toolCall(let event): self = .toolCall(id: event.id, name: event.name, arguments: event.arguments)
    case .toolResult(let event):
      var sources: [Source] = []
      for source in event.sources { sources.append(try Source(source)) }
      self = .toolResult(
        id: event.id, name: event.name, summary: event.summary, isError: event.isError, sources: sources)
    case .completed(let event):
      guard let reason = FinishReason(rawValue: event.finishReason) else { throw .unreadable("finishReason") }
      var citations: [Citation] = []
      for citation in event.citations { citations.append(Citation(source: try Source(citation))) }
      self = .completed(
        finishReason: reason,
        usage: TokenUsage(
          promptTokens: Int(event.usage.promptTokens), completionTokens: Int(event.usage.completionTokens)),
        citations: citations)
    case .failed(let event):
      self = .failed(
        UseCaseFailure(ContractError(ContractErrorCode(rawValue: event.code) ?? .unknown, event.message)))
    case nil: throw .unreadable("event")
    }
  }
}

extension Source {
  init(_ message: Opentier_V1_Source) throws(ContractError) {
    self.init(
      marker: Int(message.marker), documentID: try DocumentID(answered: message.documentID),
      revisionID: try RevisionID(answered: message.revisionID), chunkID: try ChunkID(answered: message.chunkID),
      title: message.title, text: message.text, startOffset: Int(message.startOffset),
      endOffset: Int(message.endOffset), submittedBy: message.submittedBy, approvedBy: message.approvedBy,
      pages: message.hasStartPage ? PageSpan(first: Int(message.startPage), last: Int(message.endPage)) : nil)
  }

  init(_ message: Opentier_V1_Citation) throws(ContractError) {
    self.init(
      marker: Int(message.marker), documentID: try DocumentID(answered: message.documentID),
      revisionID: try RevisionID(answered: message.revisionID), chunkID: try ChunkID(answered: message.chunkID),
      title: message.title, text: message.text, startOffset: Int(message.startOffset),
      endOffset: Int(message.endOffset), submittedBy: message.submittedBy, approvedBy: message.approvedBy,
      pages: message.hasStartPage ? PageSpan(first: Int(message.startPage), last: Int(message.endPage)) : nil)
  }
}

extension SearchHit {
  /// Reads a passage found.
  package init(_ message: Opentier_Intelligence_V1_FoundPassage) throws(ContractError) {
    let hit = message.hit
    self.init(
      passage: Passage(
        chunk: DocumentChunk(
          id: try ChunkID(answered: hit.chunkID), ordinal: Int(message.ordinal), startOffset: Int(hit.startOffset),
          endOffset: Int(hit.endOffset), text: hit.text, headings: message.headings,
          pages: hit.hasStartPage ? PageSpan(first: Int(hit.startPage), last: Int(hit.endPage)) : nil),
        documentID: try DocumentID(answered: hit.documentID), revisionID: try RevisionID(answered: hit.revisionID),
        title: hit.title, submittedBy: hit.submittedBy, approvedBy: hit.approvedBy),
      score: hit.score)
  }
}

extension Opentier_Intelligence_V1_FoundPassage {
  /// A passage found.
  package init(_ hit: SearchHit) {
    self.init()
    self.hit = Opentier_V1_SearchHit(hit)
    ordinal = UInt32(count: hit.passage.chunk.ordinal)
    headings = hit.passage.chunk.headings
  }
}

extension SimilarityReport {
  /// Reads what a submission is like.
  package init(_ response: Opentier_Intelligence_V1_FindSimilarResponse) throws(ContractError) {
    var (documents, submissions): ([SimilarDocument], [SimilarSubmission]) = ([], [])
    for message in response.similar { documents.append(try SimilarDocument(message)) }
    for message in response.similarSubmissions {
      submissions.append(
        SimilarSubmission(
          submissionID: try SubmissionID(answered: message.submissionID), title: message.title,
          similarity: message.similarity, isIdentical: message.isIdentical, sharedText: message.sharedText))
    }
    self.init(
      documents: documents, submissions: submissions, comparedSubmissions: Int(response.comparedSubmissions))
  }
}

extension SimilarDocument {
  /// Reads a document that a submission is like.
  package init(_ message: Opentier_V1_SimilarDocument) throws(ContractError) {
    let start = Int(message.startOffset)
    self.init(
      documentID: try DocumentID(answered: message.documentID),
      revisionID: try RevisionID(answered: message.revisionID),
      title: message.title, similarity: message.similarity, isIdentical: message.isIdentical,
      sharedText: message.sharedText, range: start..<max(start, Int(message.endOffset)))
  }
}

extension EmbedTexts.Answer {
  /// Reads vectors.
  package init(_ response: Opentier_Intelligence_V1_EmbedResponse) {
    self.init(
      model: response.model, vectors: response.vectors.map { Embedding($0.values) }, tokens: Int(response.tokens),
      cost: Int(response.costMicros))
  }
}

extension Opentier_Intelligence_V1_EmbedResponse {
  /// Vectors.
  package init(_ answer: EmbedTexts.Answer) {
    self.init()
    model = answer.model
    tokens = UInt32(count: answer.tokens)
    if answer.cost > 0 { costMicros = Int64(clamping: answer.cost) }
    vectors = answer.vectors.map { vector in
      var message = Opentier_Intelligence_V1_Vector()
      message.values = vector.values
      return message
    }
  }
}

extension Identifier {
  fileprivate init(answered text: String) throws(ContractError) {
    guard let id = Self(text) else { throw .unreadable("an id") }
    self = id
  }
}

extension ContractError {
  static func unreadable(_ what: String) -> ContractError {
    ContractError(
      any: UseCaseFailure.broken(
        "the intelligence side answered with \(what) that cannot be read: is it of this version?"))
  }
}
