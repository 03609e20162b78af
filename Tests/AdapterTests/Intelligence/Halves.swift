import Application
import Contract
import Domain
import Foundation
import GRPCServer
import IntelligenceClient
import Logging
import ServiceLifecycle
import Synchronization

/// An intelligence that does what a test says.
final class ScriptedIntelligence: Intelligence {
  typealias Chat =
    @Sendable (StreamChat.Command, Principal, @escaping ChatEmitter) async throws(UseCaseFailure) -> Void

  struct State {
    var commands: [StreamChat.Command] = []
    var regenerated: [RegenerateMessage.Command] = []
    var resumed: [ResumeChat.Command] = []
    var queries: [SearchKnowledge.Query] = []
    var callers: [Principal] = []
    var tickets: [UsageTicket] = []
    var cancelled: [MessageID] = []
    var wakeUps = 0
    var hits: [SearchHit] = []
    var similar = SimilarityReport(documents: [], submissions: [], comparedSubmissions: 0)
    var compared: [SubmissionID] = []
    var completed: [CompleteDialogue.Command] = []
    var catalog = ModelCatalog(models: [], embedding: nil)
    var completions: [CompletionEvent] = []
    var failure: UseCaseFailure?
  }

  let state = Mutex(State())
  typealias Resume =
    @Sendable (ResumeChat.Command, Principal, @escaping ChatEmitter) async throws(UseCaseFailure) -> Void

  private let onChat: Chat
  private let onResume: Resume

  init(onChat: @escaping Chat = { _, _, _ in }, onResume: @escaping Resume = { _, _, _ in }) {
    self.onChat = onChat
    self.onResume = onResume
  }

  private func note(_ caller: Principal, _ usage: UsageTicket? = nil) throws(UseCaseFailure) {
    let failure = state.withLock { state in
      state.callers.append(caller)
      if let usage { state.tickets.append(usage) }
      return state.failure
    }
    if let failure { throw failure }
  }

  func chat(
    _ command: StreamChat.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try note(caller, usage)
    state.withLock { $0.commands.append(command) }
    try await onChat(command, caller, emit)
  }

  func models() async throws(UseCaseFailure) -> ModelCatalog {
    try state.withLock { state throws(UseCaseFailure) in
      if let failure = state.failure { throw failure }
      return state.catalog
    }
  }

  func complete(
    _ command: CompleteDialogue.Command, _ caller: Principal, usage: UsageTicket?, reader: CompletionReader
  ) async throws(UseCaseFailure) {
    let events = state.withLock { state in
      state.completed.append(command)
      return state.completions
    }
    for event in events { try await reader.write(event) }
    try note(caller, usage)
  }

  func similar(to submission: SubmissionID, _ caller: Principal) async throws(UseCaseFailure) -> SimilarityReport {
    try note(caller)
    return state.withLock { state in
      state.compared.append(submission)
      return state.similar
    }
  }

  func regenerate(
    _ command: RegenerateMessage.Command, _ caller: Principal, usage: UsageTicket?, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try note(caller, usage)
    state.withLock { $0.regenerated.append(command) }
    try await emit(.delta("anew"))
  }

  func resume(
    _ command: ResumeChat.Command, _ caller: Principal, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    try note(caller)
    state.withLock { $0.resumed.append(command) }
    try await onResume(command, caller, emit)
  }

  func cancel(_ reply: MessageID, _ caller: Principal) async throws(UseCaseFailure) {
    try note(caller)
    state.withLock { $0.cancelled.append(reply) }
  }

  func search(_ query: SearchKnowledge.Query, _ caller: Principal) async throws(UseCaseFailure) -> [SearchHit] {
    try note(caller)
    return state.withLock { state in
      state.queries.append(query)
      return state.hits
    }
  }

  func embed(_ texts: [String], _ caller: Principal) async throws(UseCaseFailure) -> EmbedTexts.Answer {
    try note(caller)
    return EmbedTexts.Answer(
      model: "m", vectors: texts.map { Embedding([Float($0.utf8.count), -0.5]) }, tokens: 7, cost: 9)
  }

  func wakeWorkers() async { state.withLock { $0.wakeUps += 1 } }
}

/// A process that serves an intelligence, as far as a client can tell.
final class IntelligenceProcess: Sendable {
  let port: Int
  private let group: ServiceGroup
  private let task: Task<Void, any Error>

  /// Serves on a free port, or on one that was free before.
  init(_ intelligence: any Intelligence, secret: String? = nil, port: Int = 0) async throws {
    var configuration = GRPCServerConfiguration()
    configuration.port = port
    configuration.messageLimits = MessageLimits(standard: 1 << 20)
    configuration.shutdownGrace = .milliseconds(100)
    let listening = AsyncStream.makeStream(of: Int.self)
    let service = GRPCService(
      configuration: configuration,
      services: [
        IntelligenceService(intelligence, secret: secret.map { GatewaySecret($0) }),
        HealthService(HealthMonitor(interval: .milliseconds(50)) { true }, names: []),
      ], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    ) { _, port in listening.continuation.yield(port) }
    let group = ServiceGroup(
      services: [service], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    self.group = group
    task = Task {
      defer { listening.continuation.finish() }
      try await group.run()
    }
    guard let port = await listening.stream.first(where: { _ in true }) else { throw NotListening() }
    self.port = port
  }

  struct NotListening: Error {}

  /// Ends it: it takes no more calls, and those under way are cancelled a moment later. (Cutting the server's task off
  /// instead ends the whole program: NIO insists that streams which nobody takes any more are finished. Processes that are
  /// killed are what the client tests are for.)
  func stop() async throws {
    await group.triggerGracefulShutdown()
    try await task.value
  }
}

/// Runs `body` with a client of these processes that has found all of them.
func withClient(
  of processes: [IntelligenceProcess], secret: String? = nil, waiting: Bool = true,
  _ body: @escaping @Sendable (IntelligenceClient) async throws -> Void
) async throws {
  var configuration = IntelligenceClientConfiguration(
    addresses: processes.map { IntelligenceAddress(host: "127.0.0.1", port: $0.port) })
  configuration.secret = secret
  configuration.healthInterval = .milliseconds(100)
  let client = IntelligenceClient(
    configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  try await withThrowingTaskGroup(of: Void.self) { group in
    group.addTask { try await client.run() }
    if waiting { try await eventually { client.status.serving == processes.count } }
    let result: Result<Void, any Error>
    do { result = .success(try await body(client)) } catch { result = .failure(error) }
    group.cancelAll()
    while await group.nextResult() != nil {}
    return try result.get()
  }
}

/// Waits until a condition holds; a test that waits 10 s in vain goes on and fails where it looks.
func eventually(_ condition: () -> Bool) async throws {
  for _ in 0..<2_000 {
    if condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
}

/// Somebody.
let ada = Principal(
  userID: UserID(UUID()), organizationID: OrganizationID(UUID()), role: .contributor, sessionID: SessionID(UUID()))

/// Collects events.
final class Events: Sendable {
  private let log = Mutex<[ChatEvent]>([])
  var all: [ChatEvent] { log.withLock { $0 } }
  @Sendable func emit(_ event: ChatEvent) async throws(UseCaseFailure) { log.withLock { $0.append(event) } }
}
