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
