import Application
import Domain
import Foundation
import PostgresStorage
import Synchronization

/// A queue in a database of its own, and workers on it.
struct QueueBench: Sendable {
  private let storage: PostgresStorage
  private let administration: PostgresConnection
  private let configuration: PostgresConfiguration
  private let workers: Int

  init(url: String, workers: Int) async throws {
    try await PostgresMigrator(url: url).up()
    configuration = try PostgresConfiguration(url: url)
    administration = try await PostgresConnection.connect(configuration)
    storage = try await PostgresStorage(configuration: configuration)
    self.workers = workers
  }

  func close() async {
    await storage.close()
    await administration.close()
  }

  /// The n-th tenant.
  private static func tenant(_ number: Int) throws -> OrganizationID {
    guard let id = OrganizationID("00000000-0000-7000-9000-" + String(1_000_000_000_000 + number).dropFirst()) else {
      throw StorageFailure.corrupt("tenant")
    }
    return id
  }

  /// Empties the queue and puts in jobs that are due, of tenants in turn.
  func fill(jobs: Int, tenants: Int) async throws {
    try await administration.script(
      """
      BEGIN;
      SET LOCAL ROLE opentier_system;
      DELETE FROM ingestion_jobs;
      DELETE FROM knowledge_submissions;
      INSERT INTO knowledge_submissions (id, organization_id, contributor_id, title, content_kind, byte_count, status,
        reviewed_by, reviewed_at)
      SELECT gen_random_uuid(), ('00000000-0000-7000-9000-' || lpad((n % \(tenants))::text, 12, '0'))::uuid,
        gen_random_uuid(), 'Title', 'text', 4, 'approved', gen_random_uuid(), now()
      FROM generate_series(1, \(jobs)) AS n;
      INSERT INTO ingestion_jobs (id, organization_id, submission_id)
      SELECT gen_random_uuid(), organization_id, id FROM knowledge_submissions;
      COMMIT
      """)
    for table in ["ingestion_jobs", "knowledge_submissions"] {
      try await administration.script("VACUUM ANALYZE \(table)")
    }
  }

  /// Takes all jobs, each to be ended by `work`.
  ///
  /// - Returns: how many jobs were done in a second.
  func drain(_ work: @escaping @Sendable (any JobQueue, ClaimedJob) async throws -> Void) async throws -> Double {
    let queue = storage.jobQueue
    let start = ContinuousClock.now
    let done = try await withThrowingTaskGroup(of: Int.self) { group in
      for worker in 0..<workers {
        group.addTask {
          var done = 0
          while let claimed = try await queue.claim(by: "worker \(worker)", at: Date(), leaseFor: 20) {
            try await work(queue, claimed)
            done += 1
          }
          return done
        }
      }
      return try await group.reduce(0, +)
    }
    return Double(done) / ((ContinuousClock.now - start) / .seconds(1))
  }

  /// Publishes a document for each tenant, and gives drafts of the same bytes.
  func publishOnce(tenants: Int) async throws -> [OrganizationID: RevisionDraft] {
    try await fill(jobs: tenants, tenants: tenants)
    var drafts: [OrganizationID: RevisionDraft] = [:]
    while let claimed = try await storage.jobQueue.claim(by: "benchmark", at: Date(), leaseFor: 20) {
      let tenant = claimed.job.organizationID
      let draft = RevisionDraft(
        newDocumentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), title: "Title", mediaType: .plainText,
        text: "text", contentHash: SecretHash([UInt8](repeating: 7, count: 32)),
        chunks: [
          DocumentChunk(id: ChunkID(UUID()), ordinal: 0, startOffset: 0, endOffset: 4, text: "text", headings: [])
        ], embeddings: [], embeddingModel: nil)
      _ = try await storage.jobQueue.publish(draft, under: claimed.lease, at: Date())
      drafts[tenant] = draft
    }
    return drafts
  }

  /// Queues jobs one by one while the workers wait to be woken.
  ///
  /// - Returns: the milliseconds from the call that approves a submission to the start of its job, sorted: the
  ///   transaction of the approval is in it.
  func latencies(jobs: Int, interval: Duration) async throws -> [Double] {
    try await fill(jobs: 0, tenants: 1)
    let log = StartLog()
    let signal = Signal()
    try await withThrowingTaskGroup { group in
      let listener = PostgresListener(configuration: configuration, channels: [PostgresJobQueue.channel])
      group.addTask { await listener.run { _ in signal.notify() } }
      for worker in 0..<workers {
        group.addTask { try await work(as: worker, until: jobs, signal, log) }
      }
      // Time for the listener to connect.
      try await Task.sleep(for: .milliseconds(500))
      for _ in 0..<jobs {
        try await queue(log)
        try await Task.sleep(for: interval)
      }
      while log.count < jobs { try await Task.sleep(for: .milliseconds(20)) }
      group.cancelAll()
    }
    return log.latencies
  }

  private func work(as worker: Int, until jobs: Int, _ signal: Signal, _ log: StartLog) async throws {
    while !Task.isCancelled, log.count < jobs {
      let generation = signal.generation
      do {
        while let claimed = try await storage.jobQueue.claim(by: "worker \(worker)", at: Date(), leaseFor: 20) {
          log.started(claimed.job.id)
          try await storage.jobQueue.fail("benchmark", retryAt: nil, under: claimed.lease, at: Date())
        }
      } catch StorageFailure.cancelled {
        return
      }
      await signal.wait(since: generation)
    }
  }

  private func queue(_ log: StartLog) async throws {
    let tenant = try Self.tenant(1)
    let submission = KnowledgeSubmission(
      id: SubmissionID(UUID()), organizationID: tenant, contributorID: UserID(UUID()), title: "Title",
      content: .text(byteCount: 4), metadata: [:], documentID: nil, sourceURI: nil, createdAt: Date())
    try await storage.submissions.insert(submission, content: .text("text"))
    let job = IngestionJob(
      id: JobID(UUID()), organizationID: tenant, submissionID: submission.id, createdAt: Date(), updatedAt: Date())
    log.queued(job.id)
    _ = try await storage.submissions.review(submission.id, in: tenant, enqueuing: job) { found in
      Result { () throws(KnowledgeSubmission.AlreadyReviewed) in
        try found.approved(by: UserID(UUID()), note: nil, job: job.id, at: Date())
      }
    }
  }
}

/// When jobs were queued and started.
private final class StartLog: Sendable {
  private struct State {
    var queued: [JobID: ContinuousClock.Instant] = [:]
    var latencies: [Double] = []
  }

  private let state = Mutex(State())

  var count: Int { state.withLock(\.latencies.count) }

  /// In milliseconds, sorted.
  var latencies: [Double] { state.withLock { $0.latencies.sorted() } }

  func queued(_ job: JobID) { state.withLock { $0.queued[job] = .now } }

  func started(_ job: JobID) {
    state.withLock { state in
      guard let queued = state.queued.removeValue(forKey: job) else { return }
      state.latencies.append((ContinuousClock.now - queued) / .milliseconds(1))
    }
  }
}
