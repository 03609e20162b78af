import Application
import Domain
import FoundationEssentials
import Synchronization
import Testing

@Suite("Replies that are kept")
struct ResponseCacheTests {
  private static let organization = OrganizationID(box.next())
  private static let other = OrganizationID(box.next())
  private static let box = CounterBox(Mutex(1_000))

  private static func request(
    _ question: String = "?", of organization: OrganizationID? = organization, temperature: Double? = nil
  ) -> ModelRequest {
    var options = GenerationOptions()
    options.temperature = temperature
    return ModelRequest(
      messages: [ModelMessage(role: .user, content: question)], question: question, sources: [], maximumTokens: nil,
      options: options, organizationID: organization)
  }

  /// What a reader gets: the parts, the end.
  private static func ask(
    _ model: CachedLanguageModel, _ request: ModelRequest
  ) async throws(ModelFailure) -> (parts: [String], end: ReplyEnd) {
    let parts = Parts()
    let end = try await model.reply(to: request) { part throws(ModelFailure) in parts.add(part) }
    return (parts.all, end)
  }

  @Test("the same request of the same organisation is asked once, and replayed part by part")
  func replays() async throws {
    let model = ScriptedModel(.reply(["one ", "two"]))
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let first = try await Self.ask(cached, Self.request())
    let second = try await Self.ask(cached, Self.request())
    #expect(model.requests.count == 1)
    #expect(first.parts == ["one ", "two"])
    #expect(second.parts == first.parts)
    #expect(!first.end.isCached)
    #expect(second.end.isCached)
    #expect(second.end.usage == first.end.usage)
  }

  @Test("another organisation, question, option or model is another request; one of nobody is never kept")
  func keys() async throws {
    let cache = ResponseCache()
    let model = ScriptedModel(.reply(["x"]))
    let cached = CachedLanguageModel(model, cache: cache)
    for request in [
      Self.request(), Self.request(of: Self.other), Self.request("!"), Self.request(temperature: 0.5),
      Self.request(of: nil),
      Self.request(of: nil),
    ] {
      #expect(try await !Self.ask(cached, request).end.isCached)
    }
    #expect(model.requests.count == 6)
    let second = ScriptedModel(.reply(["y"]), name: "second")
    #expect(try await Self.ask(CachedLanguageModel(second, cache: cache), Self.request()).parts == ["y"])
    #expect(cache.size.replies == 5)
  }

  @Test("a reply that failed, was cut short or asks for tools is not kept")
  func wholeRepliesAlone() async throws {
    let cache = ResponseCache()
    let failing = ScriptedModel(.fail(["half"], .unavailable("down")))
    for _ in 0..<2 {
      await #expect(throws: ModelFailure.unavailable("down")) {
        _ = try await Self.ask(CachedLanguageModel(failing, cache: cache), Self.request())
      }
    }
    #expect(failing.requests.count == 2)
    let calling = RoundsModel([Round(["x"], [("a", "t", "{}")])])
    for _ in 0..<2 { _ = try await Self.ask(CachedLanguageModel(calling, cache: cache), Self.request()) }
    #expect(calling.requests.count == 2)
    let cut = EndingModel(.length)
    for _ in 0..<2 { _ = try await Self.ask(CachedLanguageModel(cut, cache: cache), Self.request()) }
    #expect(cut.count == 2)
    #expect(cache.size.replies == 0)
  }

  @Test("a reply is kept for its time and no longer")
  func expires() async throws {
    let time = Mutex(Duration.zero)
    var settings = ResponseCache.Settings()
    settings.timeToLive = .seconds(10)
    let model = ScriptedModel(.reply(["x"]))
    let cached = CachedLanguageModel(model, cache: ResponseCache(settings) { time.withLock { $0 } })
    _ = try await Self.ask(cached, Self.request())
    time.withLock { $0 = .milliseconds(9_999) }
    #expect(try await Self.ask(cached, Self.request()).end.isCached)
    time.withLock { $0 = .seconds(10) }
    #expect(try await !Self.ask(cached, Self.request()).end.isCached)
  }

  @Test("the reply that was unused for the longest time makes room, and one that is too large takes none")
  func bounds() async throws {
    var settings = ResponseCache.Settings()
    settings.maximumBytes = 8_192
    settings.maximumEntryBytes = 4_096
    let cache = ResponseCache(settings)
    let model = ScriptedModel(.reply([String(repeating: "x", count: 2_500)]))
    let cached = CachedLanguageModel(model, cache: cache)
    for question in ["a", "b"] { _ = try await Self.ask(cached, Self.request(question)) }
    #expect(cache.size.replies == 2)
    #expect(try await Self.ask(cached, Self.request("a")).end.isCached)
    _ = try await Self.ask(cached, Self.request("c"))
    #expect(cache.size.replies == 2)
    #expect(cache.size.bytes <= 8_192)
    #expect(try await Self.ask(cached, Self.request("a")).end.isCached)
    #expect(try await !Self.ask(cached, Self.request("b")).end.isCached)
    _ = try await Self.ask(cached, Self.request(String(repeating: "q", count: 4_096)))
    #expect(cache.size.bytes <= 8_192)
    #expect(try await !Self.ask(cached, Self.request(String(repeating: "q", count: 4_096))).end.isCached)
  }

  @Test("many uses of few replies do not grow the cache")
  func manyUses() async throws {
    let cache = ResponseCache()
    let model = ScriptedModel(.reply(["x"]))
    let cached = CachedLanguageModel(model, cache: cache)
    for number in 0..<1_000 { _ = try await Self.ask(cached, Self.request("\(number % 3)")) }
    #expect(model.requests.count == 3)
    #expect(cache.size.replies == 3)
  }

  @Test("who asks the same meanwhile gets the reply as it comes, and the model is asked once")
  func shared() async throws {
    let model = StepModel()
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let (first, second) = (Parts(), Parts())
    let leader = Self.follow(cached, first)
    model.say("one ")
    try await eventually { first.all == ["one "] }
    let follower = Self.follow(cached, second)
    try await eventually { second.all == ["one "] }
    model.say("two")
    try await eventually { first.all.count == 2 && second.all.count == 2 }
    model.stop()
    let ends = (try await leader.value, try await follower.value)
    #expect(!ends.0.isCached)
    #expect(ends.1.isCached)
    #expect(second.all == ["one ", "two"])
  }

  @Test("a leader who leaves does not stop the others, and the last who leaves stops the model")
  func leaving() async throws {
    let model = StepModel()
    let cache = ResponseCache()
    let cached = CachedLanguageModel(model, cache: cache)
    let (first, second) = (Parts(), Parts())
    let leader = Self.follow(cached, first)
    model.say("one ")
    try await eventually { first.all == ["one "] }
    let follower = Self.follow(cached, second)
    try await eventually { second.all == ["one "] }
    leader.cancel()
    await #expect(throws: ModelFailure.cancelled) { try await leader.value }
    model.say("two ")
    try await eventually { second.all == ["one ", "two "] }
    #expect(!model.wasCancelled)
    follower.cancel()
    await #expect(throws: ModelFailure.cancelled) { try await follower.value }
    try await eventually { model.wasCancelled }
    #expect(model.wasCancelled)
    #expect(cache.size.replies == 0)
  }

  /// A request whose reader is told what it pays.
  private static func metered() -> ModelRequest {
    var request = request()
    request.answering = AnsweringModel()
    return request
  }

  @Test("a leader who leaves pays nothing, and of those who stay the one that joined first pays all of it")
  func handingOver() async throws {
    let model = StepModel()
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let requests = (0..<3).map { _ in Self.metered() }
    let parts = (0..<3).map { _ in Parts() }
    var tasks: [Task<ReplyEnd, any Error>] = []
    model.say("one ")
    for index in 0..<3 {
      tasks.append(Self.follow(cached, parts[index], requests[index]))
      try await eventually { parts[index].all == ["one "] }
    }
    tasks[0].cancel()
    await #expect(throws: ModelFailure.cancelled) { try await tasks[0].value }
    model.say("two")
    model.stop()
    #expect(try await !tasks[1].value.isCached)
    #expect(try await tasks[2].value.isCached)
    #expect(requests.map { $0.answering?.charge } == [TokenUsage.none, nil, nil])
  }

  @Test("who leaves a reply that another pays for pays nothing")
  func leavingAnothers() async throws {
    let model = StepModel()
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let (first, second) = (Self.metered(), Self.metered())
    let (read, seen) = (Parts(), Parts())
    model.say("one ")
    let leader = Self.follow(cached, read, first)
    try await eventually { read.all == ["one "] }
    let follower = Self.follow(cached, seen, second)
    try await eventually { seen.all == ["one "] }
    follower.cancel()
    await #expect(throws: ModelFailure.cancelled) { try await follower.value }
    model.stop()
    #expect(try await !leader.value.isCached)
    #expect(first.answering?.charge == nil)
    #expect(second.answering?.charge == TokenUsage.none)
  }

  @Test("of a reply that fails one reader pays what it has read, and the others nothing")
  func failingTogether() async throws {
    let (gate, asked) = (Switch(false), Parts())
    let model = GatedModel(gate, asked)
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let requests = (0..<3).map { _ in Self.metered() }
    let parts = (0..<3).map { _ in Parts() }
    let tasks = (0..<3).map { Self.follow(cached, parts[$0], requests[$0]) }
    try await eventually { parts.allSatisfy { $0.all == ["half"] } }
    gate.isOn = true
    for task in tasks { await #expect(throws: ModelFailure.broken("no more")) { try await task.value } }
    #expect(asked.all.count == 1)
    #expect(requests.filter { $0.answering?.charge == nil }.count == 1)
    #expect(requests.filter { $0.answering?.charge == TokenUsage.none }.count == 2)
  }

  @Test("a leader who is slower than the others and leaves behind them pays for the whole reply")
  func leavingLate() async throws {
    let model = ScriptedModel(.reply(["one ", "two"]))
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let (slow, fast) = (Self.metered(), Self.metered())
    let isHeld = Switch(false)
    let leader = Task {
      try await cached.reply(to: slow) { _ throws(ModelFailure) in
        isHeld.isOn = true
        do { try await Task.sleep(for: .seconds(60)) } catch { throw .cancelled }
      }
    }
    try await eventually { isHeld.isOn }
    let end = try await Self.follow(cached, Parts(), fast).value
    #expect(end.isCached)
    leader.cancel()
    await #expect(throws: ModelFailure.cancelled) { try await leader.value }
    #expect(slow.answering?.charge == end.usage)
  }

  @Test("the model does not run ahead of the fastest reader")
  func backPressure() async throws {
    let model = CountingModel(parts: 100)
    let cached = CachedLanguageModel(model, cache: ResponseCache())
    let gate = Switch(false)
    let slow = Task {
      try await cached.reply(to: Self.request()) { _ throws(ModelFailure) in
        while !gate.isOn {
          do { try await Task.sleep(for: .milliseconds(2)) } catch { throw .cancelled }
        }
      }
    }
    try await eventually { model.emitted == 1 }
    try await Task.sleep(for: .milliseconds(100))
    #expect(model.emitted == 1)
    gate.isOn = true
    _ = try await slow.value
    #expect(model.emitted == 100)
  }

  @Test("a reply that does not end is stopped at the most bytes")
  func endless() async throws {
    var settings = ResponseCache.Settings()
    settings.maximumReplyBytes = 10
    let model = CountingModel(parts: .max)
    let cached = CachedLanguageModel(model, cache: ResponseCache(settings))
    await #expect(throws: ModelFailure.broken("the reply is longer than 10 bytes")) {
      _ = try await Self.ask(cached, Self.request())
    }
    #expect(model.emitted == 11)
  }

  @Test("the chat's replies are kept by organisation")
  func inChat() async throws {
    let model = ScriptedModel(.reply(["From what I read [1]."]))
    let world = TestWorld(models: [CachedLanguageModel(model, cache: ResponseCache())])
    let ada = try await world.signUp("ada")
    let stranger = Principal(userID: ada.userID, organizationID: Self.other, role: .user, sessionID: nil)
    for caller in [ada, ada, stranger] {
      let log = ChatLog()
      try await world.useCases.streamChat(StreamChat.Command(message: "hello there"), caller, emit: log.emit)
      #expect(log.text == "From what I read [1].")
    }
    #expect(model.requests.map(\.organizationID) == [ada.organizationID, Self.other])
  }

  private static func follow(
    _ model: CachedLanguageModel, _ parts: Parts, _ request: ModelRequest = request()
  ) -> Task<ReplyEnd, any Error> {
    Task { try await model.reply(to: request) { part throws(ModelFailure) in parts.add(part) } }
  }
}

/// Keeps the parts of a reply.
private final class Parts: Sendable {
  private let parts = Mutex<[String]>([])
  var all: [String] { parts.withLock { $0 } }
  func add(_ part: String) { parts.withLock { $0.append(part) } }
}

/// A model that ends for a reason.
private final class EndingModel: LanguageModel {
  let name = "ending"
  private let reason: FinishReason
  private let calls = Mutex(0)
  var count: Int { calls.withLock { $0 } }

  init(_ reason: FinishReason) { self.reason = reason }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    calls.withLock { $0 += 1 }
    return ReplyEnd(finishReason: reason, usage: nil)
  }
}

/// A model that says one part, and fails when it may.
private final class GatedModel: LanguageModel {
  let name = "gated"
  private let gate: Switch
  private let asked: Parts

  init(_ gate: Switch, _ asked: Parts) { (self.gate, self.asked) = (gate, asked) }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    asked.add(request.question)
    try await reader.write("half")
    while !gate.isOn {
      do { try await Task.sleep(for: .milliseconds(2)) } catch { throw .cancelled }
    }
    throw .broken("no more")
  }
}

/// A model that counts what it has handed over.
private final class CountingModel: LanguageModel {
  let name = "counting"
  private let parts: Int
  private let count = Mutex(0)
  var emitted: Int { count.withLock { $0 } }

  init(parts: Int) { self.parts = parts }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    for _ in 0..<parts {
      count.withLock { $0 += 1 }
      try await reader.write("x")
    }
    return ReplyEnd(finishReason: .stop, usage: nil)
  }
}
