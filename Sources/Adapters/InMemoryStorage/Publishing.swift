import Application
import Domain
import FoundationEssentials

extension StoreState {
  /// Makes a revision visible and ends its job; checks everything first, so that a refusal changes nothing.
  mutating func publish(
    _ draft: RevisionDraft, under lease: JobLease, at time: Date
  ) throws(LeaseFailure) -> Publication {
    let row = try leasedJob(lease)
    guard let submission = submissions[row.job.submissionID]?.submission, let approver = submission.reviewedBy else {
      throw .storage(.corrupt("job \(row.job.id) has no reviewed submission"))
    }
    try check(draft)
    let target = try target(of: submission)
    if let current = try sameBytes(as: draft.contentHash, target: target, in: submission.organizationID) {
      end(row, with: current.documentID, current.id, at: time)
      return .alreadyThere(current.documentID, current.id)
    }

    let previous = target.flatMap { $0.revisionIDs.last }.flatMap { revisions[$0]?.revision }
    // A clock that was set back must not make a revision end before it began.
    let publishedAt = max(time, previous?.publishedAt ?? time)
    var document =
      target
      ?? DocumentRow(
        id: draft.newDocumentID, organizationID: submission.organizationID, sourceURI: submission.sourceURI,
        createdAt: publishedAt, revisionIDs: [])
    guard target != nil || documents[document.id] == nil else { throw .storage(.conflict("document")) }
    if document.sourceURI == nil, let source = submission.sourceURI,
      self.document(from: source, in: submission.organizationID) == nil
    {
      document.sourceURI = source
    }
    if let previous { revisions[previous.id]?.revision = previous.superseded(at: publishedAt) }
    document.revisionIDs.append(draft.revisionID)
    documents[document.id] = document
    let revision = DocumentRevision(
      id: draft.revisionID, documentID: document.id, number: (previous?.number ?? 0) + 1, title: draft.title,
      mediaType: draft.mediaType, contentHash: draft.contentHash, byteCount: draft.text.utf8.count,
      submissionID: submission.id, submittedBy: submission.contributorID, approvedBy: approver,
      publishedAt: publishedAt, supersededAt: nil)
    revisions[revision.id] = RevisionRow(
      revision: revision, text: draft.text, metadata: submission.metadata, chunkIDs: draft.chunks.map(\.id))
    record(.published(revision, in: document.organizationID))
    for chunk in draft.chunks {
      chunks[chunk.id] = ChunkRow(
        chunk: chunk, documentID: document.id, revisionID: draft.revisionID, organizationID: document.organizationID,
        words: WordCounts(title: draft.title, chunk: chunk))
    }
    if let model = draft.embeddingModel {
      insert(Dictionary(uniqueKeysWithValues: zip(draft.chunks.map(\.id), draft.embeddings)), model: model)
    }
    end(row, with: document.id, draft.revisionID, at: time)
    return target == nil ? .created(document.id, draft.revisionID) : .revised(document.id, draft.revisionID)
  }

  /// Refuses a draft whose parts do not fit together or are taken.
  private func check(_ draft: RevisionDraft) throws(LeaseFailure) {
    guard revisions[draft.revisionID] == nil else { throw .storage(.conflict("revision")) }
    guard Set(draft.chunks.map(\.id)).count == draft.chunks.count, draft.chunks.allSatisfy({ chunks[$0.id] == nil })
    else { throw .storage(.conflict("chunk")) }
    guard draft.embeddings.isEmpty || (draft.embeddings.count == draft.chunks.count && draft.embeddingModel != nil)
    else { throw .storage(.conflict("embeddings")) }
    if let model = draft.embeddingModel {
      guard fits(draft.embeddings, model: model) else { throw .storage(.conflict("dimensions")) }
    }
  }

  /// Whether vectors have one width, and that of the model's others.
  func fits(_ embeddings: some Collection<Embedding>, model: String) -> Bool {
    guard let width = dimensions[model] ?? embeddings.first?.values.count else { return true }
    return embeddings.allSatisfy { $0.values.count == width }
  }

  /// Adds or replaces vectors that fit.
  mutating func insert(_ embeddings: [ChunkID: Embedding], model: String) {
    guard let width = embeddings.first?.value.values.count else { return }
    dimensions[model] = width
    vectors[model, default: [:]].merge(embeddings) { _, new in new }
  }

  /// The document that a submission revises, if any.
  private func target(of submission: KnowledgeSubmission) throws(LeaseFailure) -> DocumentRow? {
    if let id = submission.documentID {
      guard let row = documents[id], row.organizationID == submission.organizationID else { throw .documentGone }
      return row
    }
    return submission.sourceURI.flatMap { document(from: $0, in: submission.organizationID) }
  }

  private func document(from source: String, in organization: OrganizationID) -> DocumentRow? {
    documents.values.first { $0.organizationID == organization && $0.sourceURI == source }
  }

  /// The current revision that already has these bytes: of the target, or where there is none of any document of the
  /// tenant, the oldest.
  private func sameBytes(
    as hash: SecretHash, target: DocumentRow?, in organization: OrganizationID
  ) throws(LeaseFailure) -> DocumentRevision? {
    do throws(StorageFailure) {
      if let target {
        let current = try currentRevision(of: target).revision
        return current.contentHash == hash ? current : nil
      }
      let tenants = documents.values.filter { $0.organizationID == organization }
      for row in tenants.sorted(by: { ($0.createdAt, $0.id) < ($1.createdAt, $1.id) }) {
        let current = try currentRevision(of: row).revision
        if current.contentHash == hash { return current }
      }
      return nil
    } catch {
      throw .storage(error)
    }
  }

  private mutating func end(_ row: JobRow, with document: DocumentID, _ revision: RevisionID, at time: Date) {
    jobs[row.job.id] = JobRow(
      job: row.job.with(
        state: .indexed, error: .some(nil), documentID: document, revisionID: revision, at: time))
    if let submission = submissions[row.job.submissionID]?.submission {
      submissions[row.job.submissionID]?.submission = submission.indexed(as: document)
    }
  }
}

extension DocumentRevision {
  fileprivate func superseded(at time: Date) -> DocumentRevision {
    DocumentRevision(
      id: id, documentID: documentID, number: number, title: title, mediaType: mediaType, contentHash: contentHash,
      byteCount: byteCount, submissionID: submissionID, submittedBy: submittedBy, approvedBy: approvedBy,
      publishedAt: publishedAt, supersededAt: time)
  }
}
