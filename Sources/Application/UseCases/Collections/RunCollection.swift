import Domain
package import FoundationEssentials

/// Works on the job of a collection: looks for its items and hands each that is new or has changed on, as a submission
/// of the same contributor, approved by the same reviewer, with a job of its own.
///
/// A job has short turns, between which it is queued again, so that it holds no worker while its pages are paced or its
/// documents are ingested. All that it knows is in the ledger: a turn that ends anywhere is taken up by the next.
package struct RunCollection: Sendable {
  /// Limits that configuration may change.
  package struct Settings: Hashable, Sendable {
    /// How many jobs of a collection wait or run at once: what is behind them waits in the source.
    package var maximumOpenJobs = 16
    /// How long a turn lasts, in seconds.
    package var turn: TimeInterval = 10
    /// How long a job waits between two turns, in seconds.
    package var pause: TimeInterval = 1
    /// How long it waits when a source does not answer, in seconds.
    package var retryDelay: TimeInterval = 5
    /// How often an item is read that cannot be, before it has failed.
    package var maximumAttempts = 3
    /// The most bytes that one run hands on.
    package var maximumBytes = 1 << 30
    /// How long a run may take, in seconds.
    package var maximumDuration: TimeInterval = 86_400
    /// How many files a repository, or lines a bulk import, may have.
    package var maximumItems = 100_000

    /// The standard limits.
    package init() {}
  }

  let queue: any JobQueue
  let submissions: any SubmissionRepository
  let ledger: any CollectionLedger
  let sources: CollectionSources
  let secrets: any SecretGenerator
  let settings: Settings
  let ingestion: IngestNextJob.Settings
  let signal: Signal
  let makeID: IDGenerator
  let clock: WallClock

  init(_ world: IntelligenceWorld, _ settings: UseCaseSettings, signal: Signal) {
    queue = world.jobQueue
    submissions = world.submissions
    ledger = world.collections
    sources = world.sources
    secrets = world.secrets
    self.settings = settings.collections
    ingestion = settings.ingestion
    self.signal = signal
    makeID = world.makeID
    clock = world.clock
  }

  /// Has one turn.
  ///
  /// - Throws: `.unavailable` when storage does not answer; `.cancelled` when the task is, with the job handed back.
  func callAsFunction(_ claimed: ClaimedJob) async throws(UseCaseFailure) {
    let stage = StageProgress(.collecting, at: clock.now())
    let end = await withTaskGroup(of: TurnEnd.self) { group in
      group.addTask { await heartbeat(claimed.lease, stage) }
      group.addTask { await turn(claimed, stage) }
      // The heart beats for ever: what ends first is the turn, or the lease.
      let first = await group.next() ?? .leaseLost
      group.cancelAll()
      return first
    }
    try await record(end, claimed)
  }

  private func turn(_ claimed: ClaimedJob, _ stage: StageProgress) async -> TurnEnd {
    do throws(TurnEnd) {
      guard claimed.job.attempts <= ingestion.retries.maximumAttempts else {
        throw .failed("given up: a worker stopped in the middle of it \(claimed.job.attempts - 1) times")
      }
      try await tell(.collecting, IngestionJob.Progress(done: 0, total: 0), stage, claimed.lease)
      let reader = try await reader(of: claimed.submission)
      let run = try await run(reader, claimed)
      let turnEnd = ContinuousClock.now + .seconds(settings.turn)
      while true {
        let report = try await report(claimed, stage)
        guard report.waiting > 0 else { throw report.openJobs > 0 ? .pause(settings.pause) : ended(report) }
        try check(report, run)
        let room = settings.maximumOpenJobs - report.openJobs
        guard room > 0, ContinuousClock.now < turnEnd else { throw .pause(settings.pause) }
        try await readNext(min(room, reader.batchSize), reader, claimed)
      }
    } catch {
      return error
    }
  }

  /// The run, begun where it was not.
  private func run(_ reader: some CollectionReader, _ claimed: ClaimedJob) async throws(TurnEnd) -> CollectionRun {
    let lease = claimed.lease
    let known = try await stored { () async throws(StorageFailure) in
      try await ledger.run(of: lease.jobID, in: lease.organizationID)
    }
    let listing: CollectionListing?
    do throws(CollectionFailure) { listing = try await reader.list(resuming: known?.version) } catch {
      throw TurnEnd(error)
    }
    guard let listing else {
      if let known { return known }
      throw .failed("the source lists nothing")
    }
    guard listing.items.count <= reader.maximumItems else {
      throw .failed("it has \(listing.items.count) items; at most \(reader.maximumItems) are taken")
    }
    let collection = secrets.hash(reader.identity.utf8)
    let begun: CollectionRun?
    do throws(LeaseFailure) {
      begun = try await ledger.begin(
        collection, version: listing.version, items: listing.items, isComplete: listing.isComplete, under: lease,
        at: clock.now())
    } catch {
      throw TurnEnd(error)
    }
    guard let begun else { throw .pause(settings.retryDelay) }
    return begun
  }

  private func readNext(
    _ limit: Int, _ reader: some CollectionReader, _ claimed: ClaimedJob
  ) async throws(TurnEnd) {
    let lease = claimed.lease
    let items = try await stored { () async throws(StorageFailure) in
      try await ledger.waiting(of: lease.jobID, in: lease.organizationID, limit: limit)
    }
    let read: [ReadItem]
    do throws(CollectionFailure) { read = try await reader.read(items) } catch { throw TurnEnd(error) }
    let outcomes = read.map { settled($0, claimed) }
    do throws(LeaseFailure) {
      try await ledger.settle(outcomes, maximumItems: reader.maximumItems, under: lease, at: clock.now())
    } catch {
      throw TurnEnd(error)
    }
    if outcomes.contains(where: { $0.child != nil }) { signal.notify() }
    if outcomes.contains(where: { $0.state == .waiting }) { throw .pause(settings.retryDelay) }
  }

  private func settled(_ item: ReadItem, _ claimed: ClaimedJob) -> SettledItem {
    SettledItem(
      key: item.key, state: item.state, reason: item.reason.map { NullCharacter.dropped(from: $0) },
      validators: item.validators, child: item.document.map { child($0, claimed) },
      byteCount: item.document?.byteCount ?? 0, found: item.found, foundDepth: item.foundDepth)
  }

  private func child(_ document: ReadItem.Document, _ claimed: ClaimedJob) -> ChildIngestion {
    let (parent, now) = (claimed.submission, clock.now())
    let id: SubmissionID = makeID()
    let job = IngestionJob(
      id: makeID(), organizationID: parent.organizationID, submissionID: id, createdAt: now, updatedAt: now)
    let title = NullCharacter.dropped(from: document.title).trimmingWhitespace()
    var metadata = parent.metadata.merging(document.metadata) { _, own in own }
    metadata["collection"] = .string(parent.id.description)
    let submission = KnowledgeSubmission(
      id: id, organizationID: parent.organizationID, contributorID: parent.contributorID,
      title: String((title.isEmpty ? document.sourceURI : title).prefix(KnowledgeSubmission.maximumTitleLength)),
      content: ContentSummary(document.content), metadata: metadata, documentID: nil, sourceURI: document.sourceURI,
      status: .approved, reviewedBy: parent.reviewedBy, reviewedAt: parent.reviewedAt, note: nil, jobID: job.id,
      createdAt: now)
    return ChildIngestion(submission: submission, content: document.content, job: job)
  }

  /// Counts, and tells how far the job is.
  private func report(_ claimed: ClaimedJob, _ stage: StageProgress) async throws(TurnEnd) -> CollectionReport {
    let lease = claimed.lease
    let report = try await stored { () async throws(StorageFailure) in
      try await ledger.report(of: lease.jobID, in: lease.organizationID)
    }
    guard let report else { throw .failed("the record of its items is gone") }
    let collecting = IngestionJob.Progress(done: report.found - report.waiting, total: report.found)
    let importing = IngestionJob.Progress(done: report.handedOn - report.openJobs, total: report.handedOn)
    if report.waiting > 0 {
      if report.handedOn > 0 { try await tell(.importing, importing, stage, lease) }
      try await tell(.collecting, collecting, stage, lease)
    } else {
      try await tell(.collecting, collecting, stage, lease)
      try await tell(.importing, importing, stage, lease)
    }
    return report
  }

  private func check(_ report: CollectionReport, _ run: CollectionRun) throws(TurnEnd) {
    guard report.byteCount <= settings.maximumBytes else {
      throw .failed("it has brought \(report.byteCount) bytes; a run may bring \(settings.maximumBytes)")
    }
    guard clock.now().timeIntervalSince(run.startedAt) <= settings.maximumDuration else {
      throw .failed("it has taken longer than \(Int(settings.maximumDuration)) s; retry it to go on")
    }
  }

  /// How a run ends whose items are all settled and whose jobs have ended.
  private func ended(_ report: CollectionReport) -> TurnEnd {
    let known = report.indexed + (report.items[.unchanged] ?? 0) + (report.items[.gone] ?? 0)
    guard known == 0 else { return .done }
    guard let problem = report.problems.first else { return .failed("there is nothing in it to take") }
    return .failed("nothing of it could be taken: \(problem.key): \(problem.reason)")
  }

  private func reader(of submission: KnowledgeSubmission) async throws(TurnEnd) -> any CollectionReader {
    let content = try await stored { () async throws(StorageFailure) in
      try await submissions.content(of: submission.id, in: submission.organizationID)
    }
    let secrets = secrets
    do throws(CollectionFailure) {
      switch content {
      case .crawl(let spec):
        return try CrawlReader(spec, sources: sources, maximumAttempts: settings.maximumAttempts) {
          secrets.hash($0).hexadecimal
        }
      case .repository(let spec):
        return RepositoryCollection(spec: spec, sources: sources, maximumItems: settings.maximumItems)
      case .records(let name, let bytes):
        return RecordCollection(
          name: name, source: submission.sourceURI ?? "file:\(name)", bytes: bytes,
          maximumItems: settings.maximumItems
        ) { secrets.hash($0).hexadecimal }
      case .text, .url, .file, nil: throw .permanent("the submission's content is gone")
      }
    } catch {
      throw TurnEnd(error)
    }
  }

  private func stored<Value: Sendable>(
    _ body: () async throws(StorageFailure) -> Value
  ) async throws(TurnEnd) -> Value {
    do { return try await body() } catch { throw TurnEnd(.storage(error)) }
  }
}
