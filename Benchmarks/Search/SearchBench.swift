import Application
import Domain
import Foundation
import PostgresStorage

/// Answers with one vector whatever is asked: a question's sentences get that of the question.
private struct KnownVector: Embedder {
  let vector: Embedding
  let name: String

  var model: EmbeddingModel { EmbeddingModel(name: name, dimensions: vector.values.count, maximumTokens: 256) }

  func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding] { texts.map { _ in vector } }
}

/// A database of one tenant with the chunks of a corpus.
struct SearchBench: Sendable {
  /// A document has so many chunks: what a few pages give.
  private static let chunksOfDocument = 10
  private static let model = "all-MiniLM-L6-v2"
  /// How deep the rankings are read before they are fused.
  private static let depth = 100

  private let storage: PostgresStorage
  /// The same database, searched so that by words nothing is missed.
  private let exact: PostgresStorage
  private let administration: PostgresConnection
  private let corpus: Corpus
  private let scope: SearchScope

  init(url: String, corpus: Corpus) async throws {
    try await PostgresMigrator(url: url).up()
    let configuration = try PostgresConfiguration(url: url)
    administration = try await PostgresConnection.connect(configuration)
    storage = try await PostgresStorage(configuration: configuration)
    var search = PostgresSearchSettings()
    search.exactPostings = .max
    exact = try await PostgresStorage(configuration: configuration, search: search)
    self.corpus = corpus
    guard let organization = OrganizationID("00000000-0000-7000-8000-000000000001") else {
      throw StorageFailure.corrupt("organization")
    }
    scope = SearchScope(organizationID: organization)
  }

  func close() async {
    await storage.close()
    await exact.close()
    await administration.close()
  }

  // MARK: Loading

  /// Publishes the corpus as the workers do: submitted, approved, claimed, published.
  func load() async throws -> [String: Double] {
    let start = ContinuousClock.now
    let documents = stride(from: 0, to: corpus.texts.count, by: Self.chunksOfDocument).map { $0 }
    for index in documents {
      try await publish(index..<min(index + Self.chunksOfDocument, corpus.texts.count))
      if index / Self.chunksOfDocument % 1_000 == 999 {
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        FileHandle.standardError.write(Data("\(index + Self.chunksOfDocument) chunks after \(Int(seconds)) s\n".utf8))
      }
    }
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    // What autovacuum does after a minute.
    try await administration.script("VACUUM ANALYZE")
    return ["chunks": Double(corpus.texts.count), "chunks_per_second": Double(corpus.texts.count) / seconds]
  }

  private func publish(_ range: Range<Int>) async throws {
    let (now, user) = (Date(), UserID(UUID()))
    let submission = KnowledgeSubmission(
      id: SubmissionID(UUID()), organizationID: scope.organizationID, contributorID: user, title: "",
      content: ContentSummary(.text("")), metadata: [:], documentID: nil, sourceURI: nil, createdAt: now)
    try await storage.submissions.insert(submission, content: .text(""))
    let job = IngestionJob(
      id: JobID(UUID()), organizationID: scope.organizationID, submissionID: submission.id, createdAt: now,
      updatedAt: now)
    _ = try await storage.submissions.review(submission.id, in: scope.organizationID, enqueuing: job) { found in
      Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
        try found.approved(by: user, note: nil, job: job.id, at: now)
      }
    }.get()
    guard let claimed = try await storage.jobQueue.claim(by: "benchmark", at: now, leaseFor: 60) else {
      throw StorageFailure.notFound
    }
    _ = try await storage.jobQueue.publish(draft(range), under: claimed.lease, at: now)
  }

  private func draft(_ range: Range<Int>) -> RevisionDraft {
    var text = ""
    var chunks: [DocumentChunk] = []
    for index in range {
      let start = text.utf8.count
      text += corpus.texts[index].text
      chunks.append(
        DocumentChunk(
          id: Self.chunk(index), ordinal: index - range.lowerBound, startOffset: start, endOffset: text.utf8.count,
          text: corpus.texts[index].text, headings: [corpus.texts[index].title]))
      text += "\n\n"
    }
    // Whatever is no other's: the bytes are not looked at.
    let hash = (0..<32).map { UInt8(truncatingIfNeeded: range.lowerBound >> ($0 % 8 * 8)) }
    return RevisionDraft(
      newDocumentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), title: "", mediaType: .plainText, text: text,
      contentHash: SecretHash(hash), chunks: chunks, embeddings: range.map(corpus.vector), embeddingModel: Self.model)
  }

  /// Ids that ascend with time, as those of version 7 do.
  private static func chunk(_ index: Int) -> ChunkID {
    var bytes = [UInt8](repeating: 0, count: 16)
    for place in 0..<6 { bytes[place] = UInt8(truncatingIfNeeded: index >> (8 * (5 - place))) }
    bytes[6] = 0x70
    bytes[8] = 0x80
    return ChunkID(bytes.withUnsafeBytes { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) })
  }

  // MARK: Measuring

  /// Asks all questions one after the other, each by words, by vectors and by both, after some that do not count.
  func measure() async throws -> [String: Double] {
    let (byWords, byVectors) = (Times(), Times())
    let both = Times()
    var (found, foundByWords) = (0.0, 0.0)
    for index in corpus.questions.indices {
      let counts = index >= 30
      _ = try await both.measure(counts) { try await hybrid(index) }
      let hitsByWords = try await byWords.measure(counts) { try await lexical(index) }
      let hits = try await byVectors.measure(counts) { try await semantic(index) }
      let nearest = try await nearest(index, 10)
      found += Double(Set(nearest).intersection(hits.prefix(10).map(\.id)).count) / 10
      foundByWords += try await share(of: hitsByWords, amongBestFor: index)
    }
    let count = Double(corpus.questions.count)
    var report = ["recall_at_10": found / count, "lexical_recall_at_\(Self.depth)": foundByWords / count]
    for (name, times) in [("lexical", byWords), ("semantic", byVectors), ("hybrid", both)] {
      for (percentile, share) in [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)] {
        report["\(name)_\(percentile)"] = RankingMetrics.percentile(times.milliseconds, share)
      }
    }
    return report
  }

  private func lexical(_ index: Int) async throws -> [ScoredChunk] {
    try await storage.passages.lexical(corpus.questions[index], in: scope, limit: Self.depth)
  }

  /// How many of the chunks that BM25 ranks best are among these; one whose score is that of the last is as good as it.
  private func share(of hits: [ScoredChunk], amongBestFor index: Int) async throws -> Double {
    let best = try await exact.passages.lexical(corpus.questions[index], in: scope, limit: Self.depth)
    guard let last = best.last else { return 1 }
    return Double(hits.count { $0.score >= last.score * (1 - 1e-9) }) / Double(best.count)
  }

  private func semantic(_ index: Int) async throws -> [ScoredChunk] {
    try await storage.passages.semantic(
      corpus.questionVector(index), model: Self.model, in: scope, limit: Self.depth)
  }

  /// The use case as a server has it, but for embedding the question, whose vector is known: the ten best passages.
  private func hybrid(_ index: Int) async throws -> [SearchHit] {
    let known = KnownVector(vector: corpus.questionVector(index), name: Self.model)
    let search = SearchKnowledge(index: storage.passages, embedder: CurrentEmbedder { known })
    let caller = Principal(userID: UserID(UUID()), organizationID: scope.organizationID, role: .user, sessionID: nil)
    return try await search(SearchKnowledge.Query(text: corpus.questions[index], limit: 10), caller)
  }

  /// The nearest by comparing all in this process.
  private func nearest(_ index: Int, _ count: Int) async throws -> [ChunkID] {
    let question = corpus.questionVector(index)
    var best: [ScoredChunk] = []
    for chunk in corpus.texts.indices {
      let score = Double(corpus.vector(chunk).cosine(question))
      guard best.count < count || score > best[count - 1].score else { continue }
      best.append(ScoredChunk(id: Self.chunk(chunk), score: score))
      best = Array(best.sorted { $0.score > $1.score }.prefix(count))
    }
    return best.map(\.id)
  }
}
