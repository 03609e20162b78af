import Domain
import SwiftProtobuf

extension Opentier_V1_SubmissionStatus {
  /// Where a submission stands.
  init(_ status: SubmissionStatus) {
    switch status {
    case .pending: self = .pending
    case .approved: self = .approved
    case .rejected: self = .rejected
    }
  }

  /// What a filter narrows to; `nil` for everything.
  ///
  /// - Throws: `invalid_argument` for a number that is no status.
  func filter() throws(ContractError) -> SubmissionStatus? {
    switch self {
    case .unspecified: return nil
    case .pending: return .pending
    case .approved: return .approved
    case .rejected: return .rejected
    case .UNRECOGNIZED: throw .invalid("status", "must be a SubmissionStatus")
    }
  }
}

extension Opentier_V1_Submission {
  /// A submission, without its content.
  init(_ submission: KnowledgeSubmission) {
    self.init()
    id = submission.id.description
    title = submission.title
    status = Opentier_V1_SubmissionStatus(submission.status)
    contributorID = submission.contributorID.description
    switch submission.content {
    case .text(let bytes): byteCount = UInt32(count: bytes)
    case .url(let address): url = address
    case .file(let name, let type, let bytes):
      fileName = name
      mediaType = type.name
      byteCount = UInt32(count: bytes)
    case .crawl(let spec): crawl = Opentier_V1_Crawl(spec)
    case .repository(let spec): repository = Opentier_V1_Repository(spec)
    case .records(let name, let bytes):
      fileName = name
      byteCount = UInt32(count: bytes)
      records = true
    }
    if let uri = submission.sourceURI { sourceUri = uri }
    if let document = submission.documentID { documentID = document.description }
    metadata = Google_Protobuf_Struct(submission.metadata)
    if let reviewer = submission.reviewedBy { reviewedBy = reviewer.description }
    if let time = submission.reviewedAt { reviewedAt = Google_Protobuf_Timestamp(time) }
    if let text = submission.note { note = text }
    if let job = submission.jobID { jobID = job.description }
    createdAt = Google_Protobuf_Timestamp(submission.createdAt)
  }
}

extension Opentier_V1_Document {
  /// A document.
  init(_ document: Document) {
    self.init()
    id = document.id.description
    title = document.title
    if let uri = document.sourceURI { sourceUri = uri }
    metadata = Google_Protobuf_Struct(document.metadata)
    currentRevisionID = document.currentRevisionID.description
    revisionNumber = UInt32(count: document.revisionNumber)
    createdAt = Google_Protobuf_Timestamp(document.createdAt)
    updatedAt = Google_Protobuf_Timestamp(document.updatedAt)
  }
}

extension Opentier_V1_DocumentRevision {
  /// A revision, without its text.
  init(_ revision: DocumentRevision) {
    self.init()
    id = revision.id.description
    documentID = revision.documentID.description
    number = UInt32(count: revision.number)
    contentHash = revision.contentHash.hexadecimal
    byteCount = UInt32(count: revision.byteCount)
    title = revision.title
    mediaType = revision.mediaType.name
    submissionID = revision.submissionID.description
    submitterID = revision.submittedBy.description
    approverID = revision.approvedBy.description
    publishedAt = Google_Protobuf_Timestamp(revision.publishedAt)
    if let time = revision.supersededAt { supersededAt = Google_Protobuf_Timestamp(time) }
  }
}

extension Opentier_V1_GetSubmissionResponse {
  /// Tells what the submission is like.
  mutating func tell(_ report: SimilarityReport) {
    similar = report.documents.map(Opentier_V1_SimilarDocument.init)
    similarSubmissions = report.submissions.map(Opentier_V1_SimilarSubmission.init)
    comparedSubmissions = UInt32(count: report.comparedSubmissions)
    isCompared = true
  }
}

extension Opentier_V1_SimilarSubmission {
  /// A pending submission that another is like.
  init(_ similar: SimilarSubmission) {
    self.init()
    submissionID = similar.submissionID.description
    title = similar.title
    similarity = similar.similarity
    isIdentical = similar.isIdentical
    sharedText = similar.sharedText
  }
}

extension Opentier_V1_SimilarDocument {
  /// A document that a submission is like.
  init(_ similar: SimilarDocument) {
    self.init()
    documentID = similar.documentID.description
    revisionID = similar.revisionID.description
    title = similar.title
    similarity = similar.similarity
    isIdentical = similar.isIdentical
    sharedText = similar.sharedText
    startOffset = UInt32(count: similar.range.lowerBound)
    endOffset = UInt32(count: similar.range.upperBound)
  }
}
