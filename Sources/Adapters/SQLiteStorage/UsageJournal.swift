import Application
import Domain
import FoundationEssentials
import GRDB
import Synchronization

/// What calls have reserved and used, in memory, on its way to the file.
///
/// One process serves a file, so what it knows is what counts: a call is admitted and settled here, and the file follows
/// within ``interval``, many calls in one transaction. A reservation that is settled sooner than ``reservationDelay`` never
/// gets there. What the process takes with it when it dies is the last ``interval`` of settlements, and the calls that had
/// begun within ``reservationDelay``; an orderly end writes everything.
///
/// Another process that counts in the same file, such as a command, is not overwritten: counters are corrected by what was
/// counted here, and taken over as they then are.
final class UsageJournal: Sendable {
  /// How long the file may be behind.
  static let interval = Duration.milliseconds(50)
  /// How old a reservation is before it is written.
  static let reservationDelay = Duration.seconds(1)
  /// How long it is remembered that nobody has set a budget; one that this process sets counts at once.
  static let budgetMemory = Duration.seconds(1)
  /// The most counters and accounts that are remembered besides those that have changed.
  static let maximumRemembered = 10_000
  /// The most settlements that wait for the file; with more, each waits for its own.
  static let maximumWaiting = 10_000

  /// Whose calls a counter counts.
  struct Key: Hashable, Sendable {
    let organizationID: OrganizationID
    let scope: UsageScope
    let subject: UUID
  }

  fileprivate struct Held {
    var counter: UsageCounter
    /// As it is in the file.
    var stored: UsageCounter
    var hasChanged: Bool { counter != stored }
  }

  fileprivate struct Open {
    var call: MeteredCall
    let since: ContinuousClock.Instant
    /// Whether it counts for anything; else it is only known here, so that its settlement is known to be the first.
    var isCounted = true
    /// Whether its row is in the file, or on its way.
    var isStored: Bool
    var isYetToBeStored: Bool { isCounted && !isStored }
  }

  fileprivate struct State {
    var counters: [Key: Held] = [:]
    var open: [UsageCallID: Open] = [:]
    /// How many of the open calls are streams.
    var streams: [Key: Int] = [:]
    var accounts: [UserID: Date] = [:]
    var withoutBudget: [Owner: ContinuousClock.Instant] = [:]
    var settled: [UsageRecord] = []
    /// The calls whose rows are to go.
    var ended: [UsageCallID] = []
    var isWriting = false
    var hasFailed = false
  }

  fileprivate let state = Mutex(State())

  /// What a call needs to be known that is not.
  struct Missing: Sendable {
    var keys: [Key] = []
    var account = false
    var isEmpty: Bool { keys.isEmpty && !account }
  }

  // What is known

  /// Takes over the reservations that the file holds, of a process before this one.
  func takeOver(_ calls: [MeteredCall]) {
    state.withLock { state in
      for call in calls where state.open[call.id] == nil {
        state.open[call.id] = Open(call: call, since: .now, isStored: true)
        state.count(call, by: 1)
      }
    }
  }

  /// Whether an owner's calls are known to count for no budget.
  func isWithoutBudget(_ owner: Owner) -> Bool {
    state.withLock { state in
      guard !state.hasFailed, let since = state.withoutBudget[owner] else { return false }
      return ContinuousClock.now - since < Self.budgetMemory
    }
  }

  /// Remembers that an owner's calls count for no budget.
  func remember(withoutBudget owner: Owner) {
    state.withLock { state in
      if state.withoutBudget.count >= Self.maximumRemembered { state.withoutBudget = [:] }
      state.withoutBudget[owner] = .now
    }
  }

  /// Budgets have changed.
  func forgetBudgets() { state.withLock { $0.withoutBudget = [:] } }

  /// What has to be read before a call can be admitted here.
  func missing(for call: MeteredCall, _ limits: UsageLimits) -> Missing {
    state.withLock { state in
      var missing = Missing()
      missing.account = call.waitsForFirstDay(limits) && state.accounts[call.owner.userID] == nil
      for scope in UsageScope.allCases {
        guard limits[scope].isLimited || (scope == .user && call.waitsForFirstDay(limits)),
          let key = call.key(scope), state.counters[key] == nil
        else { continue }
        missing.keys.append(key)
      }
      return missing
    }
  }

  /// Takes over what was read. What became known meanwhile stays.
  func fill(_ counters: [Key: UsageCounter], account: (UserID, created: Date)?) {
    state.withLock { state in
      if state.counters.count >= Self.maximumRemembered {
        state.counters = state.counters.filter { $0.value.hasChanged }
      }
      for (key, counter) in counters where state.counters[key] == nil {
        state.counters[key] = Held(counter: counter, stored: counter)
      }
      if let account {
        if state.accounts.count >= Self.maximumRemembered { state.accounts = [:] }
        state.accounts[account.0] = account.created
      }
    }
  }

  // Calls

  /// Admits a call of which nothing is missing; `nil` where something is.
  ///
  /// - Throws: `.conflict("call")` for an id that is open.
  func reserve(_ call: MeteredCall, _ limits: UsageLimits) throws(StorageFailure) -> UsageRefusal?? {
    let result: Result<UsageRefusal??, StorageFailure> = state.withLock { state in
      guard state.open[call.id] == nil else { return .failure(.conflict("call")) }
      let time = call.startedAt
      var firstDay: (ends: Date, requests: Int)?
      if let requests = limits.firstDayRequests, call.waitsForFirstDay(limits) {
        guard let created = state.accounts[call.owner.userID] else { return .success(nil) }
        let end = created.addingTimeInterval(UsageLimits.firstDay)
        if end > time { firstDay = (end, requests) }
      }
      var counted: [(key: Key, counter: UsageCounter)] = []
      for scope in UsageScope.allCases {
        let isNew = scope == .user && firstDay != nil
        guard limits[scope].isLimited || isNew, let key = call.key(scope) else { continue }
        guard var counter = state.counters[key]?.counter else { return .success(nil) }
        let refusal = counter.refusal(
          of: call.demand, scope: scope, limits: limits[scope],
          openStreams: limits[scope].concurrentStreams.map { state.openStreams(key, atLeast: $0, at: time) } ?? 0,
          firstDay: isNew ? firstDay : nil, at: time)
        if let refusal { return .success(.some(.some(refusal))) }
        counter.count(call.demand, limits: limits[scope], isOnFirstDay: isNew, at: time)
        counted.append((key, counter))
      }
      for (key, counter) in counted { state.counters[key]?.counter = counter }
      if call.holdsAnything {
        state.open[call.id] = Open(call: call, since: .now, isCounted: !counted.isEmpty, isStored: false)
        if !counted.isEmpty { state.count(call, by: 1) }
      }
      return .success(.some(.none))
    }
    return try result.get()
  }

  /// Settles a call that is open here; `false` where it is not, or where the file is to be asked.
  func settle(_ record: UsageRecord) -> Bool {
    state.withLock { state in
      guard !state.hasFailed, state.settled.count < Self.maximumWaiting, let open = state.open[record.id],
        open.call.owner == record.owner,
        let settlement = UsageSettlement(
          of: record, reservation: open.isCounted ? (open.call.tokens, open.call.cost) : nil, earlier: nil)
      else { return false }
      state.close(open)
      state.correct(record.subject, of: record.owner, by: settlement.tokens, on: UsageDay(record.startedAt))
      state.settled.append(record)
      return true
    }
  }

  /// Gives a reservation back that is open here; `false` where it is not.
  func release(_ id: UsageCallID, of owner: Owner) -> Bool {
    state.withLock { state in
      guard let open = state.open[id], open.call.owner == owner else { return false }
      state.close(open)
      guard open.isCounted else { return true }
      state.correct(open.call.subject, of: owner, by: -open.call.tokens, on: UsageDay(open.call.startedAt))
      if let key = open.call.key(.user), let count = state.counters[key]?.counter.firstDayRequests, count > 0 {
        state.counters[key]?.counter.firstDayRequests = count - 1
      }
      return true
    }
  }

  /// Drops what counts for nothing and was not extended: nobody settles it any more.
  func dropExpired(at time: Date) {
    state.withLock { state in
      state.open = state.open.filter { $0.value.isCounted || $0.value.call.expiresAt > time }
    }
  }

  /// Extends reservations.
  ///
  /// - Returns: those that are not here, or whose rows have to be extended.
  func extend(_ ids: [UsageCallID], until time: Date) -> [UsageCallID] {
    state.withLock { state in
      ids.filter { id in
        guard let open = state.open[id] else { return true }
        state.open[id]?.call = open.call.extended(until: time)
        return open.isStored
      }
    }
  }

  // The file

  /// Writes what the file does not have yet, in the transaction that is open.
  ///
  /// - Parameter all: whether the reservations that have just begun are written, too.
  func write(to db: Database, all: Bool) throws {
    let now = ContinuousClock.now
    let (settled, ended, begun, counters) = state.withLock { state in
      var begun: [MeteredCall] = []
      for (id, open) in state.open where open.isYetToBeStored && (all || now - open.since >= Self.reservationDelay) {
        state.open[id]?.isStored = true
        begun.append(open.call)
      }
      return (state.settled, state.ended, begun, state.counters.filter(\.value.hasChanged))
    }
    guard !settled.isEmpty || !ended.isEmpty || !begun.isEmpty || !counters.isEmpty else { return }
    for call in begun { try db.insert(call) }
    for id in ended {
      try db.execute(cached: "DELETE FROM usage_reservations WHERE id = ?", arguments: [id.sql])
    }
    for record in settled { try db.insert(record) }
    var stored: [Key: UsageCounter] = [:]
    for (key, held) in counters {
      let merged = try db.usageCounter(key.scope, key.subject, in: key.organizationID).map {
        $0.adding(what: held.counter, has: held.stored)
      }
      stored[key] = merged ?? held.counter
      try db.store(merged ?? held.counter, key.scope, key.subject, in: key.organizationID)
    }
    db.afterNextTransaction { [self, stored] _ in
      state.withLock { state in
        state.settled.removeFirst(settled.count)
        state.ended.removeFirst(ended.count)
        state.hasFailed = false
        for (key, held) in counters { state.take(stored[key] ?? held.counter, for: key, since: held.counter) }
      }
    } onRollback: { [self] _ in
      state.withLock { state in for call in begun { state.open[call.id]?.isStored = false } }
    }
  }

  /// Takes over what a statement has made of the file's rows, behind ``write(to:all:)`` in the same transaction.
  func reread(_ call: MeteredCall?, of record: (subject: (UsageScope) -> UUID?, owner: Owner), in db: Database) throws {
    for scope in UsageScope.allCases {
      guard let subject = record.subject(scope) else { continue }
      let key = Key(organizationID: record.owner.organizationID, scope: scope, subject: subject)
      guard let counter = try db.usageCounter(scope, subject, in: key.organizationID) else { continue }
      // Behind what the write has taken over.
      db.afterNextTransaction { [self] _ in
        state.withLock { state in
          if let held = state.counters[key] { state.take(counter, for: key, since: held.stored) }
        }
      }
    }
    guard let call else { return }
    db.afterNextTransaction { [self] _ in
      state.withLock { state in
        guard state.open[call.id] == nil else { return }
        state.open[call.id] = Open(call: call, since: .now, isStored: true)
        state.count(call, by: 1)
      }
    }
  }

  /// A call was settled or released in the file.
  func forget(_ id: UsageCallID) {
    state.withLock { state in
      if let open = state.open.removeValue(forKey: id), open.isCounted { state.count(open.call, by: -1) }
    }
  }

  /// Whether there is anything to write now.
  var isDue: Bool {
    let now = ContinuousClock.now
    return state.withLock { state in
      !state.settled.isEmpty || !state.ended.isEmpty
        || state.open.values.contains { $0.isYetToBeStored && now - $0.since >= Self.reservationDelay }
    }
  }

  /// Whether the caller is to begin writing: nobody does.
  func beginsWriting() -> Bool {
    state.withLock { state in
      defer { state.isWriting = true }
      return !state.isWriting
    }
  }

  /// Nobody writes any more, unless there is more to come.
  func endsWriting() -> Bool {
    state.withLock { state in
      guard state.settled.isEmpty, state.ended.isEmpty, !state.open.values.contains(where: \.isYetToBeStored) else {
        return false
      }
      state.isWriting = false
      return true
    }
  }

  /// The file did not take what was to be written: until it does, every call waits for it.
  func failed() { state.withLock { $0.hasFailed = true } }
}

extension UsageJournal.State {
  /// Counts a stream for whom it counts.
  fileprivate mutating func count(_ call: MeteredCall, by step: Int) {
    guard call.kind.isStream else { return }
    for scope in UsageScope.allCases {
      guard let key = call.key(scope) else { continue }
      let count = streams[key, default: 0] + step
      streams[key] = count > 0 ? count : nil
    }
  }

  /// The open streams of a subject; only where there are as many as matter are those looked for that have expired.
  fileprivate func openStreams(_ key: UsageJournal.Key, atLeast limit: Int, at time: Date) -> Int {
    let count = streams[key] ?? 0
    guard count >= limit else { return count }
    return open.values.count { $0.call.kind.isStream && $0.call.key(key.scope) == key && $0.call.expiresAt > time }
  }

  fileprivate mutating func close(_ entry: UsageJournal.Open) {
    open[entry.call.id] = nil
    if entry.isCounted { count(entry.call, by: -1) }
    if entry.isStored { ended.append(entry.call.id) }
  }

  fileprivate mutating func correct(
    _ subject: (UsageScope) -> UUID?, of owner: Owner, by tokens: Int, on day: UsageDay
  ) {
    for scope in UsageScope.allCases {
      guard let subject = subject(scope) else { continue }
      let key = UsageJournal.Key(organizationID: owner.organizationID, scope: scope, subject: subject)
      counters[key]?.counter.correct(by: tokens, on: day)
    }
  }

  /// Takes over a counter as the file has it, with what was counted here since a moment.
  fileprivate mutating func take(_ stored: UsageCounter, for key: UsageJournal.Key, since earlier: UsageCounter) {
    guard let held = counters[key] else { return }
    counters[key] = UsageJournal.Held(counter: stored.adding(what: held.counter, has: earlier), stored: stored)
  }
}

extension UsageCounter {
  /// This, with what one state of a counter has that an earlier one had not.
  fileprivate func adding(what later: UsageCounter, has earlier: UsageCounter) -> UsageCounter {
    var sum = self
    sum.accounted = max(accounted, later.accounted)
    sum.firstDayRequests = max(0, firstDayRequests + later.firstDayRequests - earlier.firstDayRequests)
    if later.day.number > day.number {
      // A new day has begun there, and nothing of it is here yet.
      (sum.day, sum.tokens) = (later.day, later.tokens)
    } else if later.day == day {
      sum.tokens = max(0, tokens + later.tokens - earlier.tokens(on: day))
    }
    return sum
  }
}

extension MeteredCall {
  /// Whose counter of a scope counts it.
  fileprivate func key(_ scope: UsageScope) -> UsageJournal.Key? {
    subject(scope).map { UsageJournal.Key(organizationID: owner.organizationID, scope: scope, subject: $0) }
  }

  /// Whether it matters how old the account is.
  fileprivate func waitsForFirstDay(_ limits: UsageLimits) -> Bool {
    limits.firstDayRequests != nil && !isExemptFromFirstDay
  }
}
