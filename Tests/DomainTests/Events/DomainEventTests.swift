import Domain
import FoundationEssentials
import Testing

@Suite("Domain events")
struct DomainEventTests {
  private let time = Date(microseconds: 1_800_000_000_123_456)
  private let tenant = OrganizationID(UUID())

  private func submission(_ status: SubmissionStatus, job: JobID? = nil) -> KnowledgeSubmission {
    KnowledgeSubmission(
      id: SubmissionID(UUID()), organizationID: tenant, contributorID: UserID(UUID()), title: "T",
      content: .text(byteCount: 1), metadata: [:], documentID: nil, sourceURI: nil, status: status,
      reviewedBy: status == .pending ? nil : UserID(UUID()), reviewedAt: status == .pending ? nil : time, jobID: job,
      createdAt: time)
  }

  @Test("an id is a UUID of version 7 that carries the event's time, and no two are the same")
  func ids() {
    let ids = (0..<100).map { _ in DomainEvent.created(submission(.pending)).id }
    #expect(Set(ids).count == ids.count)
    for id in ids {
      let bytes = id.uuid.uuid
      let milliseconds = [bytes.0, bytes.1, bytes.2, bytes.3, bytes.4, bytes.5].reduce(0) { $0 << 8 | Int64($1) }
      #expect(milliseconds == 1_800_000_000_123)
      #expect(bytes.6 >> 4 == 7)
      #expect(bytes.8 >> 6 == 0b10)
    }
    let ancient = DomainEvent.deleted(
      DocumentID(UUID()), title: "T", in: tenant, at: Date(timeIntervalSince1970: -1))
    #expect(ancient.id.uuid.uuid.0 == 0)
  }

  @Test("a review is an event once it is decided")
  func reviews() throws {
    #expect(DomainEvent.reviewed(submission(.pending)) == nil)
    let job = JobID(UUID())
    let approved = try #require(DomainEvent.reviewed(submission(.approved, job: job)))
    #expect(approved.kind == .submissionApproved)
    #expect(approved.attributes["jobId"] == job.description)
    let rejected = try #require(DomainEvent.reviewed(submission(.rejected)))
    #expect(rejected.kind == .submissionRejected)
    #expect(rejected.attributes["jobId"] == nil)
    #expect(rejected.occurredAt == time)
  }

  @Test("a document's first revision publishes it, each other revises it", arguments: [1, 2, 9])
  func revisions(number: Int) {
    let revision = DocumentRevision(
      id: RevisionID(UUID()), documentID: DocumentID(UUID()), number: number, title: "T", mediaType: .plainText,
      contentHash: SecretHash(Array(repeating: 0, count: 32)), byteCount: 1, submissionID: SubmissionID(UUID()),
      submittedBy: UserID(UUID()), approvedBy: UserID(UUID()), publishedAt: time, supersededAt: nil)
    let event = DomainEvent.published(revision, in: tenant)
    #expect(event.kind == (number == 1 ? .documentPublished : .documentRevised))
    #expect(event.subjectID == revision.documentID.uuid)
    #expect(event.organizationID == tenant)
  }
}
