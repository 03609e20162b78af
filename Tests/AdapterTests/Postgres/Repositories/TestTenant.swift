import Application
import Domain
import Foundation
import PostgresStorage
import PostgresTesting

/// A tenant with a person, and what it does with a storage.
struct TestTenant: Sendable {
  let id = OrganizationID(UUID())
  let user = UserID(UUID())

  /// A submission of text.
  func submission(
    _ title: String = "Title", id submissionID: SubmissionID? = nil, documentID: DocumentID? = nil,
    sourceURI: String? = nil, createdAt: Date = .instant(0)
  ) -> KnowledgeSubmission {
    KnowledgeSubmission(
      id: submissionID ?? SubmissionID(UUID()), organizationID: id, contributorID: user, title: title,
      content: .text(byteCount: 4), metadata: [:], documentID: documentID, sourceURI: sourceURI, createdAt: createdAt)
  }

  /// Submits and approves.
  @discardableResult
  func queueJob(
    _ submission: KnowledgeSubmission? = nil, in storage: PostgresStorage, at time: Date = .instant(0)
  ) async throws -> JobID {
    let submission = submission ?? self.submission()
    try await storage.submissions.insert(submission, content: .text("text"))
    let job = IngestionJob(
      id: JobID(UUID()), organizationID: id, submissionID: submission.id, createdAt: time, updatedAt: time)
    let decision = try await storage.submissions.review(submission.id, in: id, enqueuing: job) { found in
      Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
        try found.approved(by: user, note: nil, job: job.id, at: time)
      }
    }
    _ = try decision.get()
    return job.id
  }

  /// Takes a text the whole way, from the submission to the published revision.
  @discardableResult
  func publish(
    _ text: String, title: String = "Title", sourceURI: String? = nil, in storage: PostgresStorage,
    at time: Date = .instant(10)
  ) async throws -> Publication {
    try await queueJob(submission(title, sourceURI: sourceURI), in: storage, at: time)
    guard let claimed = try await storage.jobQueue.claim(by: "test", at: time, leaseFor: 30) else {
      throw StorageFailure.notFound
    }
    return try await storage.jobQueue.publish(.of(text, title: title), under: claimed.lease, at: time)
  }

  /// Fills the queue by SQL, as the repositories would take minutes for so many.
  func queueJobs(_ count: Int, state: String = "queued", at url: String) async throws {
    try await PostgresTestServer.execute(
      """
      WITH submitted AS (
        INSERT INTO knowledge_submissions (id, organization_id, contributor_id, title, content_kind, byte_count, status,
          reviewed_by, reviewed_at, created_at)
        SELECT gen_random_uuid(), '\(id)', '\(user)', 'Title', 'text', 4, 'approved', '\(user)', now(),
          timestamptz '2026-01-01' + n * interval '1 ms'
        FROM generate_series(1, \(count)) AS n
        RETURNING id, organization_id, created_at)
      INSERT INTO ingestion_jobs (id, organization_id, submission_id, state, created_at, updated_at)
      SELECT gen_random_uuid(), organization_id, id, '\(state)', created_at, created_at FROM submitted
      """, at: url)
  }
}

extension RevisionDraft {
  /// A draft of one chunk.
  static func of(_ text: String, title: String = "Title", vector: [Float]? = nil) -> RevisionDraft {
    var state: UInt64 = 14_695_981_039_346_656_037
    for byte in text.utf8 { state = (state ^ UInt64(byte)) &* 1_099_511_628_211 }
    let hash = SecretHash((0..<32).map { UInt8(truncatingIfNeeded: state >> UInt64($0)) })
    return RevisionDraft(
      newDocumentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), title: title, mediaType: .plainText,
      text: text, contentHash: hash,
      chunks: [
        DocumentChunk(
          id: ChunkID(UUID()), ordinal: 0, startOffset: 0, endOffset: text.utf8.count, text: text, headings: [])
      ], embeddings: vector.map { [Embedding($0)] } ?? [], embeddingModel: vector == nil ? nil : "model")
  }
}

extension Date {
  /// A time, in seconds after a fixed one.
  static func instant(_ offset: Int64) -> Date { Date(microseconds: (1_790_000_000 + offset) * 1_000_000) }
}

/// Runs `body` with a new database and storages on it, as many replicas would have, closed afterwards.
func withReplicas(
  _ count: Int = 1, _ body: (_ storages: [PostgresStorage], _ url: String) async throws -> Void
) async throws {
  try await withMigratedDatabase { url in
    var configuration = try PostgresConfiguration(url: url)
    // Many tests run at once, and the server has 100 connections unless it was told otherwise.
    configuration.maximumConnections = 5
    var storages: [PostgresStorage] = []
    for _ in 0..<count { storages.append(try await PostgresStorage(configuration: configuration)) }
    let result: Result<Void, any Error>
    do { result = .success(try await body(storages, url)) } catch { result = .failure(error) }
    for storage in storages { await storage.close() }
    try result.get()
  }
}
