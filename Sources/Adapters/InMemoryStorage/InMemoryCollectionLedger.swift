package import Application
package import Domain
package import FoundationEssentials

/// The items of collections in memory.
package struct InMemoryCollectionLedger: CollectionLedger {
  private let store: InMemoryStore

  /// Works on the collections of `store`.
  package init(_ store: InMemoryStore) { self.store = store }

  package func run(
    of job: JobID, in organization: OrganizationID
  ) async throws(StorageFailure) -> CollectionRun? {
    try store.access { $0.run(of: job, in: organization)?.run }
  }

  package func begin(
    _ collection: SecretHash, version: String, items listed: [ListedItem], isComplete: Bool, under lease: JobLease,
    at time: Date
  ) async throws(LeaseFailure) -> CollectionRun? {
    try store.accessUnderLease { state throws(LeaseFailure) in
      _ = try state.leasedJob(lease)
      let key = CollectionKey(organizationID: lease.organizationID, hash: collection)
      guard !state.isBusy(key, besides: lease.jobID) else { return nil }
      let run = CollectionRun(collection: collection, version: version, startedAt: time)
      state.collectionRuns[lease.jobID] = run
      var rows = state.collectionItems[key] ?? [:]
      for (name, row) in rows {
        if row.run == lease.jobID { rows[name]?.run = nil }
        if let job = row.job, state.jobs[job]?.job.state != .indexed {
          rows[name]?.item = row.item.with(validators: ItemValidators())
        }
      }
      for item in listed {
        let known = rows[item.key]
        let isUnchanged =
          known.map {
            item.version != nil && $0.item.validators.version == item.version
              && [.handedOn, .unchanged].contains($0.item.state)
          } ?? false
        var row = known ?? CollectionItemRow(item: .new(item.key, depth: 0))
        row.item = row.item.with(
          state: item.state == .waiting && isUnchanged ? .unchanged : item.state, attempts: 0,
          offered: .some(item.version))
        row.reason = item.failure
        row.run = lease.jobID
        rows[item.key] = row
      }
      for (name, row) in rows where row.run != lease.jobID && row.item.state != .gone {
        rows[name]?.run = lease.jobID
        rows[name]?.reason = isComplete ? CollectionItem.goneReason : nil
        rows[name]?.item = row.item.with(state: isComplete ? .gone : .waiting, attempts: 0)
      }
      state.collectionItems[key] = rows
      return run
    }
  }

  package func waiting(
    of job: JobID, in organization: OrganizationID, limit: Int
  ) async throws(StorageFailure) -> [CollectionItem] {
    try store.access { state in
      let items = state.rows(of: job, in: organization).map(\.item).filter { $0.state == .waiting }
      return Array(items.sorted { $0.place < $1.place }.prefix(limit))
    }
  }

  package func settle(
    _ items: [SettledItem], maximumItems: Int, under lease: JobLease, at time: Date
  ) async throws(LeaseFailure) {
    try store.accessUnderLease { state throws(LeaseFailure) in
      _ = try state.leasedJob(lease)
      guard let (_, key) = state.run(of: lease.jobID, in: lease.organizationID) else {
        throw .storage(.notFound)
      }
      var rows = state.collectionItems[key] ?? [:]
      for child in items.compactMap(\.child) {
        guard state.submissions[child.submission.id] == nil else { throw .storage(.conflict("submission")) }
        guard state.jobs[child.job.id] == nil else { throw .storage(.conflict("job")) }
      }

      var count = rows.values.count { $0.run == lease.jobID }
      for item in items {
        var isCut = false
        for name in item.found where rows[name]?.run != lease.jobID {
          guard count < maximumItems else {
            isCut = true
            break
          }
          count += 1
          var row = rows[name] ?? CollectionItemRow(item: .new(name, depth: item.foundDepth))
          row.item = row.item.with(state: .waiting, attempts: 0)
          row.run = lease.jobID
          row.reason = nil
          rows[name] = row
        }
        guard var row = rows[item.key] else { continue }
        row.apply(item, isCut: isCut)
        rows[item.key] = row
        guard let child = item.child else { continue }
        state.submissions[child.submission.id] = SubmissionRow(submission: child.submission, content: child.content)
        state.jobs[child.job.id] = JobRow(job: child.job)
        state.record(.created(child.submission))
        if let event = DomainEvent.reviewed(child.submission) { state.record(event) }
      }
      state.collectionItems[key] = rows
    }
  }

  package func report(
    of job: JobID, in organization: OrganizationID
  ) async throws(StorageFailure) -> CollectionReport? {
    try store.access { state in
      guard state.run(of: job, in: organization) != nil else { return nil }
      var report = CollectionReport()
      for row in state.rows(of: job, in: organization) {
        let child = row.job.flatMap { state.jobs[$0]?.job }
        report.count(row.item.state, job: child?.state, bytes: row.byteCount)
        if let problem = row.problem(child) { report.problems.append(problem) }
      }
      report.problems.sort { $0.place < $1.place }
      report.problems = Array(report.problems.prefix(CollectionReport.maximumProblems))
      return report
    }
  }
}

extension StoreState {
  fileprivate func run(
    of job: JobID, in organization: OrganizationID
  ) -> (run: CollectionRun, key: CollectionKey)? {
    guard let run = collectionRuns[job], jobs[job]?.job.organizationID == organization else { return nil }
    return (run, CollectionKey(organizationID: organization, hash: run.collection))
  }

  fileprivate func rows(of job: JobID, in organization: OrganizationID) -> [CollectionItemRow] {
    guard let (_, key) = run(of: job, in: organization) else { return [] }
    return collectionItems[key]?.values.filter { $0.run == job } ?? []
  }

  /// Whether another job that has not ended runs for the collection.
  fileprivate func isBusy(_ key: CollectionKey, besides job: JobID) -> Bool {
    collectionRuns.contains { id, run in
      id != job && run.collection == key.hash
        && jobs[id].map { $0.job.organizationID == key.organizationID && !$0.job.state.isFinal } ?? false
    }
  }

  /// The jobs of the items that a run handed on.
  func children(of job: JobID) -> [JobID] {
    guard let organization = jobs[job]?.job.organizationID else { return [] }
    return rows(of: job, in: organization).filter { $0.item.state == .handedOn }.compactMap(\.job)
  }

  /// Has a run go on, with the items that failed waiting again; answers with the jobs of those that it handed on.
  mutating func takeUpRun(of job: JobID, at time: Date) -> [JobID] {
    guard let organization = jobs[job]?.job.organizationID, let (run, key) = run(of: job, in: organization) else {
      return []
    }
    collectionRuns[job] = CollectionRun(collection: run.collection, version: run.version, startedAt: time)
    for (name, row) in collectionItems[key] ?? [:] where row.run == job && row.item.state == .failed {
      collectionItems[key]?[name]?.item = row.item.with(state: .waiting, attempts: 0)
      collectionItems[key]?[name]?.reason = nil
    }
    return children(of: job)
  }
}

extension CollectionItemRow {
  fileprivate mutating func apply(_ settled: SettledItem, isCut: Bool) {
    item = item.with(
      state: settled.state, attempts: settled.state == .waiting ? item.attempts + 1 : item.attempts)
    reason = settled.reason
    if settled.state == .handedOn || settled.state == .unchanged {
      var validators = settled.validators
      if isCut { (validators.etag, validators.lastModified) = (nil, nil) }
      item = item.with(validators: validators)
    }
    if let child = settled.child {
      job = child.job.id
      byteCount = settled.byteCount
    }
  }

  fileprivate func problem(_ child: IngestionJob?) -> CollectionReport.Problem? {
    if item.state == .handedOn, let child, child.state == .failed {
      return CollectionReport.Problem(key: item.key, state: .failed, reason: child.error ?? "failed")
    }
    guard let reason, [.failed, .skipped, .gone].contains(item.state) else { return nil }
    return CollectionReport.Problem(key: item.key, state: item.state, reason: reason)
  }
}

extension CollectionReport.Problem {
  fileprivate var place: (Int, String) { (state == .failed ? 0 : state == .gone ? 1 : 2, key) }
}

extension CollectionItem {
  /// An item that nothing is known of.
  fileprivate static func new(_ key: String, depth: Int) -> CollectionItem {
    CollectionItem(key: key, depth: depth, state: .waiting, attempts: 0, offered: nil, validators: ItemValidators())
  }

  fileprivate var place: (Int, Int, String) { (attempts, depth, key) }

  /// A copy with some parts changed.
  fileprivate func with(
    state: State? = nil, attempts: Int? = nil, offered: String?? = nil, validators: ItemValidators? = nil
  ) -> CollectionItem {
    CollectionItem(
      key: key, depth: depth, state: state ?? self.state, attempts: attempts ?? self.attempts,
      offered: offered ?? self.offered, validators: validators ?? self.validators)
  }
}
