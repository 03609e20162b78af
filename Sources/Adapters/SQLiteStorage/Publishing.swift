import Application
import Domain
import FoundationEssentials
import GRDB
import StoredJSON

extension Database {
  /// Writes a revision with its chunks, words and vectors, and ends the one before it, within the caller's transaction.
  func publish(_ draft: RevisionDraft, of job: IngestionJob, at time: Date) throws -> Publication {
    guard let submission = try submission(job.submissionID, in: job.organizationID),
      let approver = submission.reviewedBy
    else { throw StorageFailure.corrupt("job \(job.id) has no reviewed submission") }
    guard draft.embeddings.isEmpty || (draft.embeddings.count == draft.chunks.count && draft.embeddingModel != nil)
    else { throw StorageFailure.conflict("embeddings") }

    let target = try target(of: submission)
    if let current = try revision(withBytes: draft.contentHash, of: target, in: submission.organizationID) {
      return .alreadyThere(current.documentID, current.id)
    }
    let previous = try target.flatMap { try currentRevision(of: $0) }
    // A clock that was set back must not make a revision end before it began.
    let publishedAt = max(time, previous?.publishedAt ?? time)
    if let target {
      try supersede(target, sourceURI: submission.sourceURI, at: publishedAt)
    } else {
      try execute(
        cached:
          "INSERT INTO documents (id, organization_id, source_uri, created_at, updated_at) VALUES (?, ?, ?, ?, ?)",
        arguments: [
          draft.newDocumentID.sql, submission.organizationID.sql, submission.sourceURI.sql, publishedAt.sql,
          publishedAt.sql,
        ])
    }
    let revision = DocumentRevision(
      id: draft.revisionID, documentID: target ?? draft.newDocumentID, number: (previous?.number ?? 0) + 1,
      title: draft.title, mediaType: draft.mediaType, contentHash: draft.contentHash,
      byteCount: draft.text.utf8.count, submissionID: submission.id, submittedBy: submission.contributorID,
      approvedBy: approver, publishedAt: publishedAt, supersededAt: nil)
    let row = try insert(revision, text: draft.text, metadata: submission.metadata, in: submission.organizationID)
    let chunks = try insert(draft.chunks, ofRevision: row, in: submission.organizationID)
    try indexWords(ofRevision: row)
    if let model = draft.embeddingModel, !draft.embeddings.isEmpty {
      try insert(Array(zip(chunks, draft.embeddings)), model: model)
      try logVectorChange(ofRevision: row)
    }
    try record(.published(revision, in: submission.organizationID))
    return target == nil ? .created(revision.documentID, revision.id) : .revised(revision.documentID, revision.id)
  }

  /// The document that a submission revises, if any.
  private func target(of submission: KnowledgeSubmission) throws -> DocumentID? {
    if let named = submission.documentID {
      let row = try Row.fetchOne(
        self, cached: "SELECT 1 FROM documents WHERE id = ? AND organization_id = ?",
        arguments: [named.sql, submission.organizationID.sql])
      guard row != nil else { throw LeaseFailure.documentGone }
      return named
    }
    guard let source = submission.sourceURI else { return nil }
    return try Row.fetchOne(
      self, cached: "SELECT id FROM documents WHERE organization_id = ? AND source_uri = ?",
      arguments: [submission.organizationID.sql, source.sql]
    ).map { try $0.id("id") }
  }

  /// The current revision that already has these bytes: of the target, or where there is none of any document of the
  /// tenant, the oldest.
  private func revision(
    withBytes hash: SecretHash, of target: DocumentID?, in organization: OrganizationID
  ) throws -> DocumentRevision? {
    if let target {
      let current = try currentRevision(of: target)
      return current?.contentHash == hash ? current : nil
    }
    return try Row.fetchOne(
      self,
      cached: """
        SELECT r.* FROM document_revisions AS r JOIN documents AS d ON d.id = r.document_id
        WHERE r.organization_id = ? AND r.content_hash = ? AND r.superseded_at IS NULL
        ORDER BY d.created_at, d.id LIMIT 1
        """,
      arguments: [organization.sql, hash.sql]
    ).map(DocumentRevision.init(row:))
  }

  private func currentRevision(of document: DocumentID) throws -> DocumentRevision? {
    try Row.fetchOne(
      self,
      cached: """
        SELECT \(DocumentRevision.columns) FROM document_revisions WHERE document_id = ? AND superseded_at IS NULL
        """,
      arguments: [document.sql]
    ).map(DocumentRevision.init(row:))
  }

  /// Ends a document's current revision. A document without a source takes the submission's, unless another has it.
  private func supersede(_ document: DocumentID, sourceURI: String?, at time: Date) throws {
    let ended = try Int64.fetchAll(
      self,
      cached: """
        UPDATE document_revisions SET superseded_at = ? WHERE document_id = ? AND superseded_at IS NULL RETURNING row_id
        """,
      arguments: [time.sql, document.sql])
    for row in ended { try logVectorChange(ofRevision: row) }
    try execute(cached: "UPDATE documents SET updated_at = ? WHERE id = ?", arguments: [time.sql, document.sql])
    if let sourceURI {
      try execute(
        cached: "UPDATE OR IGNORE documents SET source_uri = ? WHERE id = ? AND source_uri IS NULL",
        arguments: [sourceURI.sql, document.sql])
      if changesCount == 1 { try logVectorChanges(of: document) }
    }
  }

  private func insert(
    _ revision: DocumentRevision, text: String, metadata: Metadata, in organization: OrganizationID
  ) throws -> Int64 {
    try execute(
      cached: """
        INSERT INTO document_revisions (id, document_id, organization_id, number, title, media_type, content_hash,
          byte_count, metadata, tags, submission_id, submitted_by, approved_by, published_at, text)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
      arguments: [
        revision.id.sql, revision.documentID.sql, organization.sql, revision.number, revision.title.sql,
        revision.mediaType.name.sql, revision.contentHash.sql, revision.byteCount,
        try metadata.mapValues(MetadataJSON.init).json(), try metadata.tags.json(), revision.submissionID.sql,
        revision.submittedBy.sql, revision.approvedBy.sql, revision.publishedAt.sql, text.sql,
      ])
    return lastInsertedRowID
  }

  private func insert(
    _ chunks: [DocumentChunk], ofRevision revision: Int64, in organization: OrganizationID
  ) throws -> [Int64] {
    let statement = try cachedStatement(
      sql: """
        INSERT INTO document_chunks (id, organization_id, revision_row_id, ordinal, start_offset, end_offset, headings,
          heading_text, text, start_page, end_page)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    return try chunks.map { chunk in
      try statement.execute(
        arguments: [
          chunk.id.sql, organization.sql, revision, chunk.ordinal, chunk.startOffset, chunk.endOffset,
          try chunk.headings.json(), chunk.headings.joined(separator: "\n").sql, chunk.text.sql,
          chunk.pages?.first, chunk.pages?.last,
        ])
      return lastInsertedRowID
    }
  }
}
