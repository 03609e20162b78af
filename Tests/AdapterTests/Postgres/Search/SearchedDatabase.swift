import Application
import Domain
import Foundation
import InMemoryStorage
import PostgresStorage
import PostgresTesting

/// The tenants of these tests.
enum Tenants {
  static let one = OrganizationID(UUID(uuid: (1, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xA1)))
  static let other = OrganizationID(UUID(uuid: (2, 0, 0, 0, 0, 0, 0x70, 0, 0x80, 0, 0, 0, 0, 0, 0, 0xB2)))
}

/// A store that drafts can be published to.
struct SearchedStore: Sendable {
  let submissions: any SubmissionRepository
  let documents: any DocumentRepository
  let jobQueue: any JobQueue
  let passages: any PassageIndex

  init(_ storage: PostgresStorage) {
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    passages = storage.passages
  }

  init(_ storage: InMemoryStorage) {
    submissions = storage.submissions
    documents = storage.documents
    jobQueue = storage.jobQueue
    passages = storage.passages
  }

  /// Takes a draft from the submission to the published revision.
  @discardableResult
  func publish(
    _ draft: RevisionDraft, in organization: OrganizationID = Tenants.one, source: String? = nil,
    tags: [String] = [], at second: Double = 10
  ) async throws -> Publication {
    let time = Date(timeIntervalSince1970: second)
    let user = UserID(UUID())
    let submission = KnowledgeSubmission(
      id: SubmissionID(UUID()), organizationID: organization, contributorID: user, title: draft.title,
      content: ContentSummary(.text("")), metadata: tags.isEmpty ? [:] : ["tags": .list(tags.map { .string($0) })],
      documentID: nil, sourceURI: source, createdAt: time)
    try await submissions.insert(submission, content: .text(""))
    let job = IngestionJob(
      id: JobID(UUID()), organizationID: organization, submissionID: submission.id, createdAt: time, updatedAt: time)
    _ = try await submissions.review(submission.id, in: organization, enqueuing: job) { found in
      Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
        try found.approved(by: user, note: nil, job: job.id, at: time)
      }
    }.get()
    guard let claimed = try await jobQueue.claim(by: "test", at: time, leaseFor: 600) else {
      throw StorageFailure.notFound
    }
    return try await jobQueue.publish(draft, under: claimed.lease, at: time)
  }

  /// Searches by words.
  func lexical(
    _ query: String, in organization: OrganizationID = Tenants.one, filters: SearchFilters = SearchFilters(),
    limit: Int = 10
  ) async throws -> [ScoredChunk] {
    try await passages.lexical(query, in: SearchScope(organizationID: organization, filters: filters), limit: limit)
  }

  /// Searches by a vector.
  func semantic(
    _ vector: Embedding, in organization: OrganizationID = Tenants.one, filters: SearchFilters = SearchFilters(),
    limit: Int = 10
  ) async throws -> [ScoredChunk] {
    try await passages.semantic(
      vector, model: "model", in: SearchScope(organizationID: organization, filters: filters), limit: limit)
  }
}

extension RevisionDraft {
  /// A draft with these texts for chunks.
  static func of(
    _ texts: [String], title: String = "", headings: [String] = [], vectors: [Embedding] = []
  ) -> RevisionDraft {
    var text = ""
    var chunks: [DocumentChunk] = []
    for (ordinal, part) in texts.enumerated() {
      let start = text.utf8.count
      text += part
      chunks.append(
        DocumentChunk(
          id: ChunkID(UUID()), ordinal: ordinal, startOffset: start, endOffset: text.utf8.count, text: part,
          headings: headings))
      text += "\n\n"
    }
    let id = UUID()
    return RevisionDraft(
      newDocumentID: DocumentID(UUID()), revisionID: RevisionID(id), title: title, mediaType: .plainText, text: text,
      contentHash: SecretHash(withUnsafeBytes(of: id.uuid) { Array($0) + Array($0) }), chunks: chunks,
      embeddings: vectors, embeddingModel: vectors.isEmpty ? nil : "model")
  }
}

extension Embedding {
  /// A direction at random.
  static func random(_ width: Int, using random: inout some RandomNumberGenerator) -> Embedding {
    let values = (0..<width).map { _ in Float.random(in: -1...1, using: &random) }
    let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return Embedding(values.map { $0 / length })
  }
}

/// Runs `body` with a store on a database of its own, and the database's URL.
func withSearchedDatabase(
  _ settings: PostgresSearchSettings = PostgresSearchSettings(),
  _ body: (SearchedStore, String) async throws -> Void
) async throws {
  try await withMigratedDatabase { url in
    let storage = try await PostgresStorage(configuration: PostgresConfiguration(url: url), search: settings)
    let result: Result<Void, any Error>
    do { result = .success(try await body(SearchedStore(storage), url)) } catch { result = .failure(error) }
    await storage.close()
    try result.get()
  }
}
