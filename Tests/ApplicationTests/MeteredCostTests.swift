import Application
import Domain
import Synchronization
import Testing

// What metered calls are reserved, and what they pay.
extension MeteringTests {
  @Test("of a reply that was shared one caller pays with what it used, at the price of the model that answered")
  func shared() async throws {
    let model = StepModel()
    let target = ModelRouteTarget(model: model, slots: CallSlots(name: "steps", limit: 5, queue: 0))
    let route = CachedLanguageModel(ModelRoute(name: "route", targets: [target]), cache: ResponseCache())
    let price = try #require(TokenPrice(prompt: 1_000_000, completion: 1_000_000))
    let world = world([route]) { settings in
      settings.prices = PriceList(["steps": price], routes: ["route": ["steps"]])
    }
    let (ada, bob) = (try await world.signUp("ada"), try await world.signUp("bob"))
    let command = CompleteDialogue.Command(
      model: "route", messages: [ModelMessage(role: .user, content: "some words to go on with")])
    let (first, second) = (Events(), Events())
    let intelligence = world.useCases.gateway.intelligence
    let leading = Task { try await intelligence.complete(command, ada, emit: first.emit) }
    model.say("one ")
    try await eventually { first.text == "one " }
    let following = Task { try await intelligence.complete(command, bob, emit: second.emit) }
    try await eventually { second.text == "one " }
    leading.cancel()
    _ = await leading.result
    model.say("two three")
    model.stop()
    try await following.value
    let used = try #require(second.end).usage
    #expect(used.promptTokens > 0 && used.completionTokens > 0)
    let report = try await usage(world, ada)
    #expect(
      report.total
        == UsageTotals(
          requests: 2, promptTokens: used.promptTokens, completionTokens: used.completionTokens, cost: used.total))
    #expect(report.users.first?.userID == bob.userID)
    #expect(report.models.map(\.model) == ["steps"])
  }

  @Test("an embedding model's price counts for budgets before and after, and one without costs nothing")
  func embeddings() async throws {
    let price = try #require(TokenPrice(prompt: 2_000_000, completion: 0))
    let world = world { $0.embeddingPrices = PriceList(["words": price]) }
    let ada = try await world.signUp("ada")
    let intelligence = world.useCases.gateway.intelligence
    let answer = try await intelligence.embed(["some words", "more"], ada)
    #expect(answer.tokens > 0 && answer.cost == 2 * answer.tokens)
    #expect(try await usage(world, ada).total.cost == answer.cost)
    // 80 bytes are reserved as 20 tokens.
    let text = String(repeating: "abcd ", count: 16)
    let budget = try await world.useCases.budgets.set(answer.cost + 39, for: nil, ada)
    #expect(budget.spent == answer.cost)
    let stop = budget.limit / 100 * 110 + budget.limit % 100 * 110 / 100
    let room = stop - budget.spent
    let fits = String(repeating: "x", count: room / 2 * 4)
    let refusal = try await refusal { () async throws(UseCaseFailure) in
      _ = try await intelligence.embed([fits + "y"], ada)
    }
    #expect(refusal.limit == .budget)
    _ = try await intelligence.embed([fits], ada)
    let free = self.world()
    let bob = try await free.signUp("bob")
    _ = try await free.useCases.budgets.set(0, for: nil, bob)
    #expect(try await free.useCases.gateway.intelligence.embed([text], bob).cost == 0)
    #expect(try await usage(free, bob).total.cost == 0)
  }

  @Test("a chat with tools is admitted with its rounds, and refused where one token is missing")
  func rounds() async throws {
    // 3 prompts of 1,001 tokens, which grow by 110 twice, and 3 replies of 10.
    for (quota, isAdmitted) in [(3_003 + 3 * 110 + 30, true), (3_003 + 3 * 110 + 29, false)] {
      let world = world { settings in
        settings.metering.limits.user.tokensPerDay = quota
        settings.metering.contextTokens = 1_000
        settings.metering.replyTokens = 10
        settings.metering.toolRounds = 2
        settings.metering.toolTokens = 100
      }
      let ada = try await world.signUp("ada")
      let log = ChatLog()
      let result = await Task {
        try await world.useCases.gateway.intelligence.chat(StreamChat.Command(message: "abcd"), ada, emit: log.emit)
      }.result
      if isAdmitted {
        try result.get()
      } else {
        #expect(throws: UseCaseFailure.self) { try result.get() }
        #expect(log.events.isEmpty)
      }
    }
  }
}

/// What a completion has emitted.
private final class Events: Sendable {
  private let events = Mutex<[CompletionEvent]>([])
  var text: String {
    events.withLock { $0 }.reduce(into: "") { text, event in if case .delta(let part) = event { text += part } }
  }
  var end: CompletionEnd? {
    for case .completed(let end) in events.withLock({ $0 }) { return end }
    return nil
  }
  @Sendable func emit(_ event: CompletionEvent) async throws(UseCaseFailure) { events.withLock { $0.append(event) } }
}
