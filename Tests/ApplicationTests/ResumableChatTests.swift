import Application
import Domain
import FoundationEssentials
import Testing

@Suite("Resumable chat")
struct ResumableChatTests {
  @Test("a reply goes on when its reader leaves, and is taken up without a gap")
  func takenUp() async throws {
    let model = StepModel()
    let world = Self.world(model)
    let ada = try await world.signUp("ada")
    let first = ChatLog()
    let chat = Self.ask(world, ada, first)
    model.say("one ")
    try await eventually { first.text == "one " }
    chat.cancel()
    await #expect(throws: UseCaseFailure.cancelled) { try await chat.value }
    model.say("two ")
    model.say("three")
    model.stop()
    let reply = try required(first.started).reply
    let rest = ChatLog()
    try await world.useCases.resumeChat(.init(messageID: reply, lastEventID: first.events.count), ada, emit: rest.emit)
    #expect(first.text + rest.text == "one two three")
    #expect(rest.completed?.reason == .stop)
    #expect(rest.started == nil && !model.wasCancelled)
    let whole = ChatLog()
    try await world.useCases.resumeChat(.init(messageID: reply), ada, emit: whole.emit)
    #expect(whole.events == first.events + rest.events)
    let again = ChatLog()
    try await world.useCases.resumeChat(
      .init(messageID: reply, lastEventID: whole.events.count), ada, emit: again.emit)
    #expect(again.events.isEmpty)
  }

  @Test("a reply that nobody reads is cancelled when the window has passed, and then it is gone")
  func abandoned() async throws {
    let (world, model, ada, log, chat) = try await Self.halfWritten()
    for _ in 0..<20 {
      // Less than makes the writer silent; the reader says meanwhile that it is there.
      world.clock.advance(4)
      try await Task.sleep(for: .milliseconds(20))
      try await world.useCases.desk.tend()
    }
    chat.cancel()
    await #expect(throws: UseCaseFailure.cancelled) { try await chat.value }
    world.clock.advance(55)
    try await world.useCases.desk.tend()
    #expect(world.useCases.activeReplies.count == 1, "the reader was there until it left")
    world.clock.advance(10)
    try await world.useCases.desk.tend()
    try await eventually { world.useCases.activeReplies.count == 0 }
    #expect(model.wasCancelled)
    let started = try required(log.started)
    let stored = try required(try await world.useCases.conversations.messages(of: started.conversation, ada).last)
    #expect(stored.content == "half " && stored.finishReason == .cancelled)
    try await eventually { world.useCases.desk.isIdle }
    await #expect(throws: UseCaseFailure.notFound("there is no such reply")) {
      try await world.useCases.resumeChat(.init(messageID: started.reply), ada, emit: log.emit)
    }
  }

  @Test("an ended reply can be read for the window, and no longer")
  func expired() async throws {
    let world = Self.world(ScriptedModel(.reply(["all"])))
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    try await Self.ask(world, ada, log).value
    let reply = try required(log.started).reply
    try await eventually { world.useCases.desk.isIdle }
    world.clock.advance(59)
    let again = ChatLog()
    try await world.useCases.resumeChat(.init(messageID: reply), ada, emit: again.emit)
    #expect(again.events == log.events)
    world.clock.advance(61)
    await #expect(throws: UseCaseFailure.notFound("there is no such reply")) {
      try await world.useCases.resumeChat(.init(messageID: reply), ada, emit: again.emit)
    }
    #expect(try await world.useCases.desk.sweep() == 1)
  }

  @Test("a second reader takes over, and the first one's stream ends without a last event")
  func takenOver() async throws {
    let model = StepModel()
    let world = Self.world(model)
    let ada = try await world.signUp("ada")
    let first = ChatLog()
    let chat = Self.ask(world, ada, first)
    model.say("one ")
    try await eventually { first.text == "one " }
    let reply = try required(first.started).reply
    let second = ChatLog()
    let resumed = Task {
      try await world.useCases.resumeChat(.init(messageID: reply, lastEventID: 2), ada, emit: second.emit)
    }
    try await chat.value
    #expect(first.completed == nil)
    model.say("two")
    model.stop()
    try await resumed.value
    #expect(second.text == "one two" && second.completed?.reason == .stop)
  }

  @Test("only the owner reads a reply, and only what is there")
  func refusals() async throws {
    let world = Self.world(ScriptedModel(.reply(["a", "b"])))
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let log = ChatLog()
    try await Self.ask(world, ada, log).value
    let reply = try required(log.started).reply
    let missing = UseCaseFailure.notFound("there is no such reply")
    await #expect(throws: missing) {
      try await world.useCases.resumeChat(.init(messageID: reply), bob, emit: log.emit)
    }
    await #expect(throws: missing) {
      try await world.useCases.resumeChat(.init(messageID: MessageID(UUID())), ada, emit: log.emit)
    }
    await #expect(throws: UseCaseFailure.invalid("lastEventId is 6, but the answer has no more than 5 events so far")) {
      try await world.useCases.resumeChat(.init(messageID: reply, lastEventID: 6), ada, emit: log.emit)
    }
    let plain = ChatLog()
    try await world.useCases.streamChat(StreamChat.Command(message: "q"), ada, emit: plain.emit)
    await #expect(throws: missing) {
      try await world.useCases.resumeChat(.init(messageID: try required(plain.started).reply), ada, emit: log.emit)
    }
  }

  @Test("the failure of a reply is its last event, for every reader")
  func failed() async throws {
    let world = Self.world(ScriptedModel(.fail(["half"], .broken("the model stopped half-way"))))
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    try await Self.ask(world, ada, log).value
    let failure = ChatEvent.failed(.unavailable("the model stopped half-way"))
    #expect(log.events.last == failure)
    let again = ChatLog()
    try await world.useCases.resumeChat(
      .init(messageID: try required(log.started).reply, lastEventID: 3), ada, emit: again.emit)
    #expect(again.events == [failure])
  }

  @Test("cancelling by id ends a reply that nobody reads at the moment")
  func cancelled() async throws {
    let (world, _, ada, log, chat) = try await Self.halfWritten()
    chat.cancel()
    let reply = try required(log.started).reply
    try await world.useCases.cancelChat(reply, ada)
    let rest = ChatLog()
    try await world.useCases.resumeChat(.init(messageID: reply, lastEventID: 3), ada, emit: rest.emit)
    #expect(rest.completed?.reason == .cancelled)
  }

  @Test("one user, and one process, can have so many under way, and no more")
  func limits() async throws {
    let world = Self.world(StepModel()) {
      $0.desk.maximumPerOwner = 2
      $0.desk.maximumReplies = 3
    }
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob")
    let logs = (0..<3).map { _ in ChatLog() }
    let chats = zip(logs, [ada, ada, bob]).map { log, caller in Self.ask(world, caller, log) }
    try await eventually { logs.allSatisfy { $0.started != nil } }
    for caller in [ada, bob] {
      let before = try await world.useCases.conversations.list(page: PageRequest(), caller).items.count
      await #expect {
        try await Self.ask(world, caller, ChatLog()).value
      } throws: { error in
        if case .exhausted = error as? UseCaseFailure { true } else { false }
      }
      #expect(try await world.useCases.conversations.list(page: PageRequest(), caller).items.count == before)
    }
    for (log, caller) in zip(logs, [ada, ada, bob]) {
      try await world.useCases.cancelChat(try required(log.started).reply, caller)
    }
    for chat in chats { try await chat.value }
    try await eventually { world.useCases.desk.isIdle }
    let next = ChatLog()
    let chat = Self.ask(world, ada, next)
    try await eventually { next.started != nil }
    chat.cancel()
  }

  @Test("a resumable reply that is longer than the log holds ends as length")
  func tooLong() async throws {
    let world = Self.world(ScriptedModel(.reply(["1", "2", "3", "4"]))) { $0.desk.maximumEvents = 2 }
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    try await Self.ask(world, ada, log).value
    #expect(log.text == "12" && log.completed?.reason == .length)
  }

  @Test("a reply whose writer says nothing any more has failed, for this reader and the next")
  func deadWriter() async throws {
    let world = Self.world(ScriptedModel(.reply(["x"])))
    let ada = try await world.signUp("ada")
    let reply = LoggedReply(id: MessageID(UUID()), owner: ada.owner, isResumable: true)
    _ = try await world.replies.begin(reply, at: world.clock.now, keepFor: 60, maximumPerOwner: 8)
    try await world.replies.append([.delta("half")], first: 1, to: reply.id, of: ada.owner)
    world.clock.advance(4)
    let log = ChatLog()
    let reading = Task { try await world.useCases.resumeChat(.init(messageID: reply.id), ada, emit: log.emit) }
    try await eventually { log.text == "half" }
    world.clock.advance(2)
    try await reading.value
    guard case .failed(.unavailable) = log.events.last else {
      Issue.record("the stream ended with \(String(describing: log.events.last))")
      return
    }
    let again = ChatLog()
    try await world.useCases.resumeChat(.init(messageID: reply.id), ada, emit: again.emit)
    #expect(again.events == log.events)
  }

  @Test("a log that does not answer for a moment loses and doubles nothing", arguments: FlakyReplyLog.Fault.allCases)
  func flakyLog(_ fault: FlakyReplyLog.Fault) async throws {
    let parts = (0..<40).map { "\($0) " }
    let log = FlakyReplyLog(fault)
    let world = TestWorld(models: [ScriptedModel(.reply(parts))], replyLog: log)
    let ada = try await world.signUp("ada")
    let reader = ChatLog()
    try await Self.ask(world, ada, reader).value
    #expect(reader.text == parts.joined() && reader.completed?.reason == .stop)
    #expect(log.faults > 0)
  }

  @Test("a desk that is stopped ends its replies, stores them, and begins no other")
  func stopped() async throws {
    let (world, _, ada, log, chat) = try await Self.halfWritten()
    let running = Task { await world.useCases.desk.run() }
    world.useCases.desk.stop()
    await running.value
    try await chat.value
    #expect(log.completed?.reason == .cancelled && world.useCases.activeReplies.count == 0)
    await #expect(throws: UseCaseFailure.unavailable("the server is being stopped; try again")) {
      try await Self.ask(world, ada, ChatLog()).value
    }
  }

  @Test(
    "what another process asks to cancel is cancelled with the next heartbeat, resumable or not",
    arguments: [true, false])
  func cancelledElsewhere(_ isResumable: Bool) async throws {
    let model = StepModel()
    let world = Self.world(model)
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    let chat = Task {
      try await world.useCases.streamChat(
        StreamChat.Command(message: "q", isResumable: isResumable), ada, emit: log.emit)
    }
    model.say("half ")
    try await eventually { log.text == "half " }
    let other = Self.world(StepModel(), sharing: world)
    try await other.useCases.cancelChat(try required(log.started).reply, ada)
    try await world.useCases.desk.tend()
    try await chat.value
    #expect(log.completed?.reason == .cancelled && model.wasCancelled)
    try await eventually { world.useCases.desk.isIdle }
    await #expect(throws: UseCaseFailure.notFound("no such reply is being written")) {
      try await other.useCases.cancelChat(try required(log.started).reply, ada)
    }
  }

  private static func world(
    _ model: any LanguageModel, sharing other: TestWorld? = nil,
    settings change: (inout UseCaseSettings) -> Void = { _ in }
  ) -> TestWorld {
    TestWorld(models: [model], sharing: other) { settings in
      settings.desk.readerInterval = .milliseconds(5)
      change(&settings)
    }
  }

  /// An answer that has got as far as "half ".
  private static func halfWritten() async throws -> (TestWorld, StepModel, Principal, ChatLog, Task<Void, any Error>) {
    let model = StepModel()
    let world = world(model)
    let ada = try await world.signUp("ada")
    let log = ChatLog()
    let chat = ask(world, ada, log)
    model.say("half ")
    try await eventually { log.text == "half " }
    return (world, model, ada, log, chat)
  }

  private static func ask(_ world: TestWorld, _ caller: Principal, _ log: ChatLog) -> Task<Void, any Error> {
    Task {
      try await world.useCases.streamChat(StreamChat.Command(message: "q", isResumable: true), caller, emit: log.emit)
    }
  }
}
