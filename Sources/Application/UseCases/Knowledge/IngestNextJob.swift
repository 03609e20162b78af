package import Domain
package import FoundationEssentials

/// Claims the next due job and takes it through extraction, chunking, embedding and publication.
package struct IngestNextJob: Sendable {
  /// Times and sizes that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// How long a claim holds without a report, in seconds: a dead worker's job runs again after that.
    package var lease: TimeInterval = 20
    /// How often a worker looks whether its job was cancelled, in seconds.
    package var cancellationInterval: TimeInterval = 2
    /// How long a job may stay in a stage without any progress, in seconds; waiting for room in one does not count. It
    /// has failed for this time then, and is tried again.
    package var stageLimit: TimeInterval = 1_800
    /// The most texts of a batch for the embedder, which takes them from all jobs.
    package var batchSize = 16
    /// The most UTF-8 bytes of such a batch.
    package var batchBytes = 256 << 10
    /// How many batches are computed at once.
    package var concurrentBatches = 2
    /// How many jobs are extracted at once, and how many are chunked at once.
    package var concurrentTexts = 2
    /// How many jobs are stored at once.
    package var concurrentWrites = 2
    /// The most bytes of submissions that are worked on at once; one that has more is worked on alone.
    package var maximumBytes = 256 << 20
    /// When failed attempts are tried again.
    package var retries = RetryPolicy()

    /// The standard settings.
    package init() {}
  }

  let collect: RunCollection
  let queue: any JobQueue
  let submissions: any SubmissionRepository
  let extractor: any TextExtractor
  let fetcher: any ContentFetcher
  let chunker: TextChunker
  let counter: any TokenCounter
  let embedder: CurrentEmbedder
  let secrets: any SecretGenerator
  let stages: IngestionStages
  let settings: Settings
  let makeID: IDGenerator
  let clock: WallClock

  /// Works on one job, if one is due.
  ///
  /// - Returns: whether there was a job. A failed attempt is recorded in the job, not thrown.
  /// - Throws: `.unavailable` when storage does not answer; `.cancelled` when the task is, with the job handed back.
  package func callAsFunction(worker: String) async throws(UseCaseFailure) -> Bool {
    let claimed = try await storing("job") { () async throws(StorageFailure) in
      try await queue.claim(by: worker, at: clock.now(), leaseFor: settings.lease)
    }
    guard let claimed else { return false }
    if claimed.submission.content.isCollection {
      try await collect(claimed)
      return true
    }
    let progress = StageProgress(at: clock.now())
    let outcome = await withTaskGroup(of: StepFailure?.self) { group in
      group.addTask { await heartbeat(claimed.lease, progress) }
      group.addTask {
        await stages.admit(claimed.submission, progress, clock) { await attempt(claimed, progress) }
      }
      // The heart beats for ever: what ends first is the attempt, or the lease.
      let first = await group.next() ?? nil
      group.cancelAll()
      return first
    }
    try await record(outcome, claimed)
    return true
  }

  private func attempt(_ claimed: ClaimedJob, _ progress: StageProgress) async -> StepFailure? {
    do throws(StepFailure) {
      guard claimed.job.attempts <= settings.retries.maximumAttempts else {
        throw .permanent("given up: a worker stopped in the middle of it \(claimed.job.attempts - 1) times")
      }
      // Before the stage: a host that is slow to answer must not keep others out of it.
      let payload = try await payload(of: claimed.submission)
      let (text, mediaType) = try await stages.enter(\.extracting, progress, clock) {
        () async throws(StepFailure) -> (ExtractedText, MediaType) in
        let size = payload.bytes.count
        try await step(.extracting, done: 0, total: size, progress, claimed.lease)
        let extracted = try await extract(payload)
        try await step(.extracting, done: size, total: size, progress, claimed.lease)
        return extracted
      }
      let chunks = try await stages.enter(\.chunking, progress, clock) {
        () async throws(StepFailure) -> [DocumentChunk] in
        try await step(.chunking, done: 0, total: 0, progress, claimed.lease)
        let chunks = try await chunk(text)
        try await step(.chunking, done: chunks.count, total: chunks.count, progress, claimed.lease)
        return chunks
      }
      let title = claimed.submission.title
      let (embeddings, model) = try await embed(chunks, title: title, progress, claimed.lease)
      let draft = RevisionDraft(
        newDocumentID: makeID(), revisionID: makeID(), title: title,
        mediaType: MediaType(NullCharacter.dropped(from: mediaType.name)), text: text.text,
        contentHash: secrets.hash(text.text.utf8), chunks: chunks, embeddings: embeddings, embeddingModel: model)
      try await stages.enter(\.storing, progress, clock) { () async throws(StepFailure) -> Void in
        do throws(LeaseFailure) {
          _ = try await queue.publish(draft, under: claimed.lease, at: clock.now())
        } catch {
          throw StepFailure(error)
        }
      }
      return nil
    } catch {
      return error
    }
  }

  private func payload(of submission: KnowledgeSubmission) async throws(StepFailure) -> Payload {
    let content: SubmissionContent?
    do { content = try await submissions.content(of: submission.id, in: submission.organizationID) } catch {
      throw StepFailure(.storage(error))
    }
    switch content {
    case nil, .crawl, .repository, .records: throw .permanent("the submission's content is gone")
    case .text(let text): return Payload(bytes: Array(text.utf8), mediaType: .unknown, fileName: nil)
    case .file(let name, let mediaType, let bytes):
      return Payload(bytes: Array(bytes), mediaType: mediaType, fileName: name)
    case .url(let url):
      do { return try await fetcher.fetch(url) } catch {
        switch error {
        case .refused(let why), .invalid(let why): throw .permanent(why)
        case .unavailable(let why): throw .transient(why)
        case .cancelled: throw .cancelled
        }
      }
    }
  }

  private func extract(_ payload: Payload) async throws(StepFailure) -> (ExtractedText, MediaType) {
    do { return try await extractor.extract(payload) } catch {
      switch error {
      case .unsupported(let why), .invalid(let why): throw .permanent(why)
      case .empty: throw .permanent("there is no text in it")
      case .cancelled: throw .cancelled
      }
    }
  }

  @concurrent
  private func chunk(_ text: ExtractedText) async throws(StepFailure) -> [DocumentChunk] {
    let chunks: [DocumentChunk]
    do { chunks = try chunker.chunks(of: text, counter: counter) { makeID(DocumentChunk.self) } } catch {
      switch error {
      case .tooManyChunks(let limit): throw .permanent("it is too long: it gives more than \(limit) passages")
      }
    }
    guard !chunks.isEmpty else { throw .permanent("there is no text in it") }
    return chunks
  }

  /// The vectors of the chunks, or none when there is no embedder: then words alone find the revision, until the
  /// missing vectors are made.
  private func embed(
    _ chunks: [DocumentChunk], title: String, _ progress: StageProgress, _ lease: JobLease
  ) async throws(StepFailure) -> ([Embedding], String?) {
    guard let embedder = embedder() else { return ([], nil) }
    var embeddings: [Embedding] = []
    embeddings.reserveCapacity(chunks.count)
    while embeddings.count < chunks.count {
      try await step(.embedding, done: embeddings.count, total: chunks.count, progress, lease)
      let window = chunks[embeddings.count..<min(embeddings.count + stages.embedding.window, chunks.count)]
      do throws(EmbeddingFailure) {
        embeddings += try await stages.embedding.embed(
          window.map { EmbeddingInput.text(of: $0, title: title) }, by: embedder)
      } catch {
        switch error {
        case .unavailable(let why): throw .transient(why)
        case .rejected(let why): throw .permanent(why)
        case .cancelled: throw .cancelled
        }
      }
    }
    try await step(.embedding, done: chunks.count, total: chunks.count, progress, lease)
    return (embeddings, embedder.model.name)
  }

  /// Reports where the job is, which also extends the lease.
  private func step(
    _ state: IngestionJob.State, done: Int, total: Int, _ progress: StageProgress, _ lease: JobLease
  ) async throws(StepFailure) {
    do throws(LeaseFailure) {
      try await keeper.report(state, IngestionJob.Progress(done: done, total: total), of: progress, lease)
    } catch {
      throw StepFailure(error)
    }
  }

  private var keeper: LeaseKeeper { LeaseKeeper(queue: queue, settings: settings, clock: clock) }

  /// How an attempt ends whose heart has stopped.
  private func heartbeat(_ lease: JobLease, _ progress: StageProgress) async -> StepFailure {
    switch await keeper.beat(lease, progress, stageLimit: settings.stageLimit) {
    case .cancelled: .cancelled
    case .lost: .leaseLost
    case .stuck(let state): .transient("nothing came of \(state.rawValue) within \(Int(settings.stageLimit)) seconds")
    }
  }

  /// Writes down how an attempt ended, in a task that a shutdown does not cancel.
  private func record(_ failure: StepFailure?, _ claimed: ClaimedJob) async throws(UseCaseFailure) {
    guard let failure else { return }
    let now = clock.now()
    let queue = queue
    let lease = claimed.lease
    let result: LeaseFailure?
    switch failure {
    case .leaseLost: return
    case .cancelled:
      result = await keeper.uncancelled { () throws(LeaseFailure) in try await queue.release(lease, at: now) }
    case .permanent(let why):
      result = await keeper.uncancelled { () throws(LeaseFailure) in
        try await queue.fail(NullCharacter.dropped(from: why), retryAt: nil, under: lease, at: now)
      }
    case .transient(let why):
      let delay = settings.retries.delay(afterAttempts: claimed.job.attempts, jitter: Double.random(in: 0..<1))
      result = await keeper.uncancelled { () throws(LeaseFailure) in
        try await queue.fail(
          NullCharacter.dropped(from: why), retryAt: delay.map(now.addingTimeInterval), under: lease, at: now)
      }
    }
    if case .storage(let failure)? = result { throw UseCaseFailure(failure, "job") }
    if failure == .cancelled { throw .cancelled }
  }
}
