package import FoundationEssentials

/// A UUID that remembers what kind of thing it names, so that one kind's id cannot be passed for another's.
///
/// Its text form is the lower-case hyphenated one of RFC 9562; parsing takes either case.
package struct Identifier<Entity>: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// The 128 bits.
  package let uuid: UUID

  /// Wraps an existing UUID.
  package init(_ uuid: UUID) { self.uuid = uuid }

  /// Parses the 36-character text form; `nil` when it is anything else.
  package init?(_ text: some StringProtocol) {
    guard let uuid = UUID(uuidString: String(text)) else { return nil }
    self.uuid = uuid
  }

  /// The lower-case text form, 36 characters.
  package var description: String { uuid.lowercaseText }

  /// Orders by the 16 bytes, which for version 7 is the order of creation to the millisecond.
  package static func < (left: Self, right: Self) -> Bool { left.uuid < right.uuid }
}

/// Names an organisation, the tenant that owns every row.
package typealias OrganizationID = Identifier<Organization>
/// Names a user.
package typealias UserID = Identifier<User>
/// Names a signed-in session.
package typealias SessionID = Identifier<Session>
/// Names a conversation.
package typealias ConversationID = Identifier<Conversation>
/// Names a message of a conversation.
package typealias MessageID = Identifier<ChatMessage>
/// Names a memory.
package typealias MemoryID = Identifier<UserMemory>
/// Names a submission of knowledge.
package typealias SubmissionID = Identifier<KnowledgeSubmission>
/// Names a document.
package typealias DocumentID = Identifier<Document>
/// Names an immutable revision of a document.
package typealias RevisionID = Identifier<DocumentRevision>
/// Names a chunk of a revision.
package typealias ChunkID = Identifier<DocumentChunk>
/// Names an ingestion job.
package typealias JobID = Identifier<IngestionJob>
/// Names an event.
package typealias EventID = Identifier<DomainEvent>
