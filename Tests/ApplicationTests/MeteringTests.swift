import Domain
import FoundationEssentials
import InMemoryStorage
import Synchronization
import Testing

@testable import Application

/// A ledger that fails until it is told otherwise, and counts what it is asked.
private final class FlakyLedger: UsageLedger {
  let isAway = Switch(false)
  private let ledger: any UsageLedger
  private let settled = Mutex<[UsageRecord]>([])
  var records: [UsageRecord] { settled.withLock { $0 } }

  init(_ ledger: any UsageLedger) { self.ledger = ledger }

  func settle(_ record: UsageRecord, rules: BudgetRules) async throws(StorageFailure) -> [BudgetAlert] {
    if isAway.isOn { throw .unavailable("it is away") }
    settled.withLock { $0.append(record) }
    return try await ledger.settle(record, rules: rules)
  }

  func reserve(_ call: MeteredCall, limits: UsageLimits, rules: BudgetRules) async throws(StorageFailure)
    -> UsageRefusal?
  {
    try await ledger.reserve(call, limits: limits, rules: rules)
  }
  func release(_ id: UsageCallID, of owner: Owner) async throws(StorageFailure) {
    try await ledger.release(id, of: owner)
  }
  func extend(_ ids: [UsageCallID], until time: Date) async throws(StorageFailure) {
    try await ledger.extend(ids, until: time)
  }
  func expired(at time: Date, limit: Int) async throws(StorageFailure) -> [MeteredCall] {
    try await ledger.expired(at: time, limit: limit)
  }
  func report(_ query: UsageQuery) async throws(StorageFailure) -> UsageReport { try await ledger.report(query) }
}

@Suite("Metering")
struct MeteringTests {
  func world(
    _ models: [any LanguageModel] = [ScriptedModel(.reply(["From ", "what I read [1]."]))],
    _ change: @escaping (inout UseCaseSettings) -> Void = { _ in }
  ) -> TestWorld {
    TestWorld(models: models) { settings in
      settings.metering.limits.user.concurrentStreams = 1
      settings.metering.limits.user.tokensPerDay = 100_000
      change(&settings)
    }
  }

  func usage(_ world: TestWorld, _ caller: Principal) async throws -> UsageReport {
    try await world.useCases.reportUsage(ReportUsage.Query(), caller).report
  }

  @Test("an answer is settled when its stream ends, so that another can begin at once")
  func settlement() async throws {
    let price = try #require(TokenPrice(prompt: 1_000_000, completion: 2_000_000))
    let world = world { $0.prices = PriceList(["scripted": price]) }
    let ada = try await world.signUp("ada")
    for _ in 0..<3 {
      try await world.useCases.gateway.intelligence.chat(StreamChat.Command(message: "q"), ada, emit: ChatLog().emit)
    }
    let report = try await usage(world, ada)
    #expect(report.total == UsageTotals(requests: 3, promptTokens: 33, completionTokens: 15, cost: 63))
    #expect(report.models.map(\.model) == ["scripted"])
  }

  @Test("an answer that is refused before its model is asked uses nothing and holds nothing")
  func refusedLater() async throws {
    let world = world()
    let ada = try await world.signUp("ada")
    let intelligence = world.useCases.gateway.intelligence
    for command in [StreamChat.Command(message: ""), StreamChat.Command(message: "q", model: "none")] {
      await #expect(throws: UseCaseFailure.self) { try await intelligence.chat(command, ada, emit: ChatLog().emit) }
    }
    await #expect(throws: UseCaseFailure.self) {
      try await intelligence.complete(
        CompleteDialogue.Command(model: "none", messages: []), ada, emit: { _ throws(UseCaseFailure) in })
    }
    try await intelligence.chat(StreamChat.Command(message: "q"), ada, emit: ChatLog().emit)
    #expect(try await usage(world, ada).total.requests == 1)
  }

  @Test("a reader who leaves is charged for what was written until then")
  func leaving() async throws {
    let world = world([ScriptedModel(.hang(["one two three "]))])
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    let reading = Task {
      try await world.useCases.gateway.intelligence.chat(StreamChat.Command(message: "q"), ada, emit: log.emit)
    }
    try await eventually { !log.text.isEmpty }
    let second = await Task { () -> UseCaseFailure? in
      do throws(UseCaseFailure) {
        try await world.useCases.gateway.intelligence.chat(StreamChat.Command(message: "q"), ada, emit: ChatLog().emit)
        return nil
      } catch {
        return error
      }
    }.value
    #expect(
      second == .limited(UsageRefusal(limit: .concurrentStreams, scope: .user, maximum: 1, wait: nil)))
    reading.cancel()
    _ = await reading.result
    let total = try await usage(world, ada).total
    #expect(total.requests == 1)
    #expect(total.completionTokens > 0 && total.promptTokens > 0)
  }

  @Test("a resumable answer is settled when it has been written, not when its reader leaves")
  func resumable() async throws {
    let model = StepModel()
    let world = world([model])
    let ada = try await world.signUp("ada")
    let desk = Task { await world.useCases.desk.run() }
    let log = ChatLog()
    let reading = Task {
      try await world.useCases.gateway.intelligence.chat(
        StreamChat.Command(message: "q", isResumable: true), ada, emit: log.emit)
    }
    model.say("one ")
    try await eventually { !log.text.isEmpty }
    reading.cancel()
    _ = await reading.result
    #expect(try await usage(world, ada).total.requests == 0)
    model.say("two")
    model.stop()
    try await eventually { try await usage(world, ada).total.requests == 1 }
    #expect(try await usage(world, ada).total.completionTokens > 0)
    world.useCases.desk.stop()
    desk.cancel()
    await desk.value
  }

  @Test("what storage does not take waits, and is written when storage is back")
  func outage() async throws {
    let ledger = FlakyLedger(InMemoryStorage().usage)
    let clock = ManualClock()
    var settings = UsageSettlements.Settings()
    settings.maximumWaiting = 2
    let settlements = UsageSettlements(
      ledger: ledger, rules: BudgetRules(), settings: settings, clock: WallClock { clock.now })
    let owner = Owner(organizationID: Organization.standard.id, userID: UserID(UUID()))
    let record = { (id: UUID) in
      UsageRecord(
        id: UsageCallID(id), owner: owner, apiKeyID: nil, kind: .chat, model: "m",
        usage: TokenUsage(promptTokens: 1, completionTokens: 1), cost: 0, outcome: .completed, startedAt: clock.now)
    }
    ledger.isAway.isOn = true
    for _ in 0..<3 { await settlements.settle(record(UUID())) }
    let away = await settlements.tend()
    #expect(away.failure == .unavailable("it is away"))
    #expect(away.waiting == 2)
    #expect(away.lost == 1)
    #expect(!settlements.isIdle)
    ledger.isAway.isOn = false
    let back = await settlements.tend()
    #expect(back.failure == nil && back.waiting == 0 && back.lost == 0)
    #expect(ledger.records.count == 2)
    #expect(settlements.isIdle)
  }

  @Test("a settlement is written though the task that asks for it is cancelled")
  func cancelled() async throws {
    let world = world()
    let settlements = world.useCases.gateway.settlements
    let ada = try await world.signUp("ada")
    let task = Task {
      while !Task.isCancelled { await Task.yield() }
      await settlements.settle(
        UsageRecord(
          id: UsageCallID(UUID()), owner: ada.owner, apiKeyID: nil, kind: .chat, model: "m",
          usage: TokenUsage(promptTokens: 1, completionTokens: 1), cost: 0, outcome: .cancelled,
          startedAt: world.clock.now))
    }
    task.cancel()
    await task.value
    #expect(try await usage(world, ada).total.requests == 1)
  }

  @Test("embedding and searching are governed too, by the caller who asks")
  func others() async throws {
    let world = world { settings in
      settings.metering.limits.user.rate = RequestRate(perMinute: 1, burst: 2)
    }
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let intelligence = world.useCases.gateway.intelligence
    _ = try await intelligence.embed(["some words", "more"], ada)
    _ = try await intelligence.search(SearchKnowledge.Query(text: "words"), ada)
    let refusal = try await refusal { () async throws(UseCaseFailure) in
      _ = try await intelligence.search(SearchKnowledge.Query(text: "words"), ada)
    }
    #expect(refusal.limit == .requestsPerMinute)
    #expect(refusal.words.contains("you may make 1 requests per minute"))
    #expect(refusal.retryAfter > .seconds(50) && refusal.retryAfter <= .seconds(60))
    _ = try await intelligence.search(SearchKnowledge.Query(text: "words"), bob)
    let report = try await usage(world, ada)
    #expect(report.total.requests == 1)
    #expect(report.models.map(\.model) == ["words"])
    #expect(report.total.promptTokens > 0)
  }

  @Test("a budget stops what has a price, before it is asked")
  func budget() async throws {
    let price = try #require(TokenPrice(prompt: 1_000_000, completion: 1_000_000))
    let priced = ScriptedModel(.reply(["dear"]), name: "priced")
    let world = world([priced, ScriptedModel(.reply(["free"]), name: "free")]) { settings in
      settings.prices = PriceList(["priced": price])
    }
    let ada = try await world.signUp("ada")
    _ = try await world.useCases.budgets.set(100, for: nil, ada)
    let refusal = try await refusal { () async throws(UseCaseFailure) in
      try await world.useCases.gateway.intelligence.chat(StreamChat.Command(message: "q"), ada, emit: ChatLog().emit)
    }
    #expect(refusal.limit == .budget)
    #expect(priced.requests.isEmpty)
    let log = ChatLog()
    try await world.useCases.gateway.intelligence.chat(
      StreamChat.Command(message: "q", model: "free"), ada, emit: log.emit)
    #expect(log.text == "free")
  }

  @Test("only admins see what others use, and set budgets")
  func authorisation() async throws {
    let world = world()
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let useCases = world.useCases
    await #expect(throws: UseCaseFailure.forbidden("to see what others use takes the role admin")) {
      _ = try await useCases.reportUsage(ReportUsage.Query(userID: ada.userID), bob)
    }
    await #expect(throws: UseCaseFailure.forbidden("to set a budget takes the role admin")) {
      _ = try await useCases.budgets.set(1, for: nil, bob)
    }
    await #expect(throws: UseCaseFailure.forbidden("to see budgets takes the role admin")) {
      _ = try await useCases.budgets.list(page: PageRequest(), bob)
    }
    await #expect(throws: UseCaseFailure.forbidden("to see the audit log takes the role admin")) {
      _ = try await useCases.budgets.auditEntries(page: PageRequest(), bob)
    }
    let budget = try await useCases.budgets.set(Budget.maximumAmount, for: bob.userID, ada)
    await #expect(throws: UseCaseFailure.forbidden("to override a budget takes the role admin")) {
      _ = try await useCases.budgets.override(budget.id, until: world.clock.now, reason: "r", bob)
    }
    await #expect(throws: UseCaseFailure.forbidden("to remove a budget takes the role admin")) {
      try await useCases.budgets.delete(budget.id, bob)
    }
    // Bob sees his own budget, and not the organisation's.
    _ = try await useCases.budgets.set(5, for: nil, ada)
    #expect(try await useCases.reportUsage(ReportUsage.Query(), bob).budgets.map(\.id) == [budget.id])
    #expect(try await useCases.reportUsage(ReportUsage.Query(), ada).budgets.map(\.userID) == [nil])
  }

  @Test("input is checked at its edges")
  func edges() async throws {
    let world = world()
    let ada = try await world.signUp("ada")
    let (budgets, report) = (world.useCases.budgets, world.useCases.reportUsage)
    for limit in [-1, Budget.maximumAmount + 1] {
      await #expect(throws: UseCaseFailure.self) { _ = try await budgets.set(limit, for: nil, ada) }
    }
    let budget = try await budgets.set(0, for: nil, ada)
    let now = world.clock.now
    let longest = now.addingTimeInterval(ManageBudgets.maximumOverride)
    for (end, reason) in [
      (now.addingTimeInterval(60), " "), (now.addingTimeInterval(60), String(repeating: "x", count: 501)),
      (now.addingTimeInterval(60), "a\u{0}b"), (longest.addingTimeInterval(60), "r"),
    ] {
      await #expect(throws: UseCaseFailure.self) {
        _ = try await budgets.override(budget.id, until: end, reason: reason, ada)
      }
    }
    let overridden = try await budgets.override(
      budget.id, until: longest, reason: String(repeating: "x", count: 500), ada)
    #expect(overridden.override?.actor == ada.userID)
    let day: TimeInterval = 86_400
    _ = try await report(ReportUsage.Query(from: now.addingTimeInterval(-365 * day), to: now), ada)
    await #expect(throws: UseCaseFailure.invalid("from and to must be at most 366 days apart")) {
      _ = try await report(ReportUsage.Query(from: now.addingTimeInterval(-366 * day), to: now), ada)
    }
    await #expect(throws: UseCaseFailure.invalid("from must not be after to")) {
      _ = try await report(ReportUsage.Query(from: now.addingTimeInterval(day), to: now), ada)
    }
  }
}
