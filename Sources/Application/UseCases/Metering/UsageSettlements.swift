package import Domain
package import FoundationEssentials
import Synchronization

/// Writes what calls used, apart from what their readers wait for, and keeps the reservations of those that go on.
///
/// What storage does not take waits and is tried again: somebody tends it (``tend()``, ``wait(upTo:)``), a service of the
/// server, which also has calls lapse whose process died (``sweep()``), and writes the rest when the server stops.
package final class UsageSettlements: Sendable {
  /// Times and sizes.
  package struct Settings: Hashable, Sendable {
    /// How long a reservation holds that nobody extends, in seconds: so long a call of a process that died counts as open.
    package var lifetime: TimeInterval = 60
    /// The most settlements that wait for storage; of more, the reservations lapse.
    package var maximumWaiting = 10_000
    /// The most calls that lapse in one go.
    package var sweepSize = 1_000

    /// The standard settings.
    package init() {}
  }

  /// What tending came to.
  package struct Report: Sendable {
    /// The shares that budgets have reached.
    package var alerts: [BudgetAlert] = []
    /// How many settlements still wait.
    package var waiting = 0
    /// How many were given up since the last time, because too many waited.
    package var lost = 0
    /// Why they wait.
    package var failure: StorageFailure?
  }

  private enum Work: Sendable {
    case settle(UsageRecord)
    case release(UsageCallID, Owner)

    var call: UsageCallID {
      switch self {
      case .settle(let record): record.id
      case .release(let call, _): call
      }
    }
  }

  private struct State {
    /// The calls that go on.
    var open: Set<UsageCallID> = []
    var waiting: [Work] = []
    var running = 0
    var alerts: [BudgetAlert] = []
    var lost = 0
  }

  private let ledger: any UsageLedger
  private let rules: BudgetRules
  private let settings: Settings
  private let clock: WallClock
  private let wakeUp = Signal()
  private let state = Mutex(State())

  /// Settles with a ledger.
  package init(ledger: any UsageLedger, rules: BudgetRules, settings: Settings = Settings(), clock: WallClock) {
    self.ledger = ledger
    self.rules = rules
    self.settings = settings
    self.clock = clock
  }

  /// When a reservation that is made or extended now expires.
  package func expiry(at time: Date) -> Date { time.addingTimeInterval(settings.lifetime) }

  /// Keeps a reservation from now on, until it is settled or released.
  func hold(_ call: UsageCallID) { state.withLock { _ = $0.open.insert(call) } }

  /// Takes down what a call used, whether the task is cancelled or not; returns when it is written, or waits to be.
  func settle(_ record: UsageRecord) async { await perform(.settle(record)) }

  /// Gives a reservation back, in the same way.
  func release(_ call: UsageCallID, of owner: Owner) async { await perform(.release(call, owner)) }

  private func perform(_ work: Work) async {
    state.withLock { $0.running += 1 }
    // A task that is cancelled meanwhile has its work fail, and then it waits for the service: nothing is lost by going on
    // in it, and most calls end without.
    if Task.isCancelled { await Task { [self] in await writeOrKeep(work) }.value } else { await writeOrKeep(work) }
  }

  private func writeOrKeep(_ work: Work) async {
    var hasFailed = false
    do throws(StorageFailure) { try await write(work) } catch {
      hasFailed = true
      state.withLock { state in
        if state.waiting.count < settings.maximumWaiting { state.waiting.append(work) } else { state.lost += 1 }
      }
    }
    let hasNews = state.withLock { state in
      _ = state.open.remove(work.call)
      state.running -= 1
      return hasFailed || !state.alerts.isEmpty
    }
    // The service is woken for what it has to do, and not by every call.
    if hasNews { wakeUp.notify() }
  }

  private func write(_ work: Work) async throws(StorageFailure) {
    switch work {
    case .settle(let record):
      let alerts = try await ledger.settle(record, rules: rules)
      if !alerts.isEmpty { state.withLock { $0.alerts += alerts } }
    case .release(let call, let owner): try await ledger.release(call, of: owner)
    }
  }

  /// How often a service tends them: two times may fail before a reservation expires.
  package var interval: Duration { .seconds(settings.lifetime / 3) }

  // What the service does

  /// Whether nothing is being written and nothing waits.
  package var isIdle: Bool { state.withLock { $0.running == 0 && $0.waiting.isEmpty } }

  /// Writes what waits, keeps the reservations of calls that go on, and tells what has become known.
  package func tend() async -> Report {
    var report = Report()
    let waiting = state.withLock { state in
      let waiting = state.waiting
      state.waiting = []
      return waiting
    }
    for (place, work) in waiting.enumerated() {
      do throws(StorageFailure) { try await write(work) } catch {
        report.failure = error
        state.withLock { $0.waiting = waiting.dropFirst(place) + $0.waiting }
        break
      }
    }
    let open = state.withLock { Array($0.open) }
    do throws(StorageFailure) {
      if !open.isEmpty { try await ledger.extend(open, until: expiry(at: clock.now())) }
    } catch {
      report.failure = error
    }
    state.withLock { state in
      (report.alerts, report.lost, report.waiting) = (state.alerts, state.lost, state.waiting.count)
      (state.alerts, state.lost) = ([], 0)
    }
    return report
  }

  /// Has the calls lapse that nobody has extended, whoever made them; they count as all that they might have used.
  ///
  /// - Returns: how many.
  package func sweep() async throws(StorageFailure) -> Int {
    let calls = try await ledger.expired(at: clock.now(), limit: settings.sweepSize)
    for call in calls { try await write(.settle(UsageRecord(lapsed: call))) }
    return calls.count
  }

  /// Read it before ``tend()``, and pass it to ``wait(since:upTo:)``.
  package var generation: UInt64 { wakeUp.generation }

  /// Waits until something was settled, at most so long.
  package func wait(since generation: UInt64, upTo time: Duration) async {
    await wakeUp.wait(since: generation, upTo: time)
  }
}
