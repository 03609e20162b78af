import Application
import Domain
import FoundationEssentials
import InMemoryStorage
import Synchronization

/// A world on the in-memory adapters, with a clock that tests move and models that do what tests say.
struct TestWorld {
  let storage = InMemoryStorage()
  let replies: any ReplyLog
  let clock: ManualClock
  let fetcher = ScriptedFetcher()
  let site = ScriptedSite()
  let repository = ScriptedRepository()
  let embedder = ScriptedEmbedder()
  let hasEmbedder: Switch
  let useCases: UseCases

  init(
    models: [any LanguageModel] = [ScriptedModel(.reply(["From ", "what I read [1]."]))],
    extractor: any TextExtractor = WholeTextExtractor(), hasEmbedder: Bool = true, sharing other: TestWorld? = nil,
    replyLog: (any ReplyLog)? = nil, reranker: (any Reranker)? = nil, embedders: Embedders? = nil,
    tools: [any ChatTool] = [],
    settings change: (inout UseCaseSettings) -> Void = { _ in }
  ) {
    replies = replyLog ?? other?.replies ?? InMemoryReplyLog()
    clock = other?.clock ?? ManualClock()
    var settings = UseCaseSettings()
    settings.jobWatchInterval = .milliseconds(2)
    change(&settings)
    let embedder = embedder
    let isThere = Switch(hasEmbedder)
    self.hasEmbedder = isThere
    let scripted = CurrentEmbedder { isThere.isOn ? embedder : nil }
    let embedders = embedders ?? Embedders(wanted: embedder.model.name, [embedder.model.name: scripted])
    let ids = Mutex<UInt64>(0)
    let box = CounterBox(ids)
    var world = World(
      users: storage.users, sessions: storage.sessions, apiKeys: storage.apiKeys,
      conversations: storage.conversations,
      memories: storage.memories,
      submissions: storage.submissions, documents: storage.documents, jobQueue: storage.jobQueue, jobs: storage.jobs,
      collections: storage.collections, passages: storage.passages, replies: replies, outbox: storage.outbox,
      usage: storage.usage, budgets: storage.budgets,
      models: LanguageModelRegistry(models: models, defaultName: models[0].name),
      embedders: embedders, embeddingModels: storage.embeddingModels, counter: ApproximateTokenCounter(),
      extractor: extractor, fetcher: fetcher,
      sources: CollectionSources(
        sites: site, links: site, repositories: repository, reads: { !$0.hasSuffix(".png") }),
      hasher: PlainHasher(), secrets: CountingSecrets(),
      makeID: IDGenerator { box.next() }, clock: WallClock { [clock] in clock.now })
    world.reranker = reranker
    world.tools = tools
    useCases = UseCases(world, settings)
  }

  /// Signs someone up and answers with who they are; the first is the admin.
  func signUp(_ name: String) async throws -> Principal {
    let signedIn = try await useCases.signUp(
      SignUp.Command(email: "\(name)@example.org", password: "correct horse", displayName: name.capitalized))
    return try await useCases.resolveSession(token: signedIn.token.text)
  }

  /// Signs someone up and gives them a role.
  func signUp(_ name: String, as role: UserRole, by admin: Principal) async throws -> Principal {
    let email = "\(name)@example.org"
    _ = try await signUp(name)
    _ = try await useCases.accounts.grant(role, toEmail: email, admin)
    let again = try await useCases.signIn(email: email, password: "correct horse")
    return try await useCases.resolveSession(token: again.token.text)
  }

  /// Submits and approves a text, and works until nothing is due.
  @discardableResult
  func publish(
    _ text: String, title: String = "A title", source: String? = nil, metadata: Metadata = [:], by admin: Principal
  ) async throws -> IngestionJob {
    let submission = try await useCases.submit(
      SubmitKnowledge.Command(title: title, content: .text(text), metadata: metadata, sourceURI: source), admin)
    let approved = try await useCases.review.approve(submission.id, note: nil, admin)
    while try await useCases.ingestNext(worker: "test") {}
    return try await useCases.jobs.get(try required(approved.jobID), admin)
  }
}

/// On or off, set by a test.
final class Switch: Sendable {
  private let state: Mutex<Bool>
  init(_ isOn: Bool) { state = Mutex(isOn) }
  var isOn: Bool {
    get { state.withLock { $0 } }
    set { state.withLock { $0 = newValue } }
  }
}

struct Missing: Error {}

/// The value, or a failed test.
func required<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

final class CounterBox: Sendable {
  private let value: Mutex<UInt64>
  init(_ value: consuming Mutex<UInt64>) { self.value = value }
  func next() -> UUID {
    let n = value.withLock { value in
      value += 1
      return value
    }
    let b = (0..<8).map { UInt8(truncatingIfNeeded: n >> (56 - 8 * UInt64($0))) }
    return UUID(uuid: (0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, b[1], b[2], b[3], b[4], b[5], b[6], b[7]))
  }
}

final class ManualClock: Sendable {
  private let time = Mutex(Date(timeIntervalSince1970: 1_800_000_000))
  /// Each reading is a millisecond later, so that what happens later is later.
  var now: Date {
    time.withLock { time in
      time += 0.001
      return time
    }
  }
  func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
}

struct PlainHasher: PasswordHasher {
  func hash(_ password: Password) async throws(HashingFailure) -> PasswordHash { PasswordHash(password.text) }
  func verify(_ password: Password, against hash: PasswordHash?) async throws(HashingFailure) -> Bool {
    hash?.text == password.text
  }
}

final class CountingSecrets: SecretGenerator {
  private let count = Mutex(0)
  func sessionToken() -> SessionToken {
    let n = count.withLock { count in
      count += 1
      return count
    }
    let digits = String(n)
    return SessionToken(String(repeating: "a", count: SessionToken.length - digits.count) + digits)!
  }
  func hash(_ bytes: some Sequence<UInt8>) -> SecretHash { SecretHash(Array(bytes)) }
}

/// Takes the bytes as the text, one paragraph.
struct WholeTextExtractor: TextExtractor {
  func extract(_ payload: Payload) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
    let text = String(decoding: payload.bytes, as: UTF8.self)
    guard !text.trimmingWhitespace().isEmpty else { throw .empty }
    let block = TextBlock(kind: .paragraph, range: 0..<text.utf8.count)
    return (ExtractedText(text: text, title: nil, blocks: [block]), .plainText)
  }
}

/// Answers with what a test put in.
final class ScriptedFetcher: ContentFetcher {
  private let answers = Mutex<[String: Result<Payload, FetchFailure>]>([:])
  func script(_ url: String, _ answer: Result<Payload, FetchFailure>) { answers.withLock { $0[url] = answer } }
  func check(_ url: String) throws(FetchFailure) {
    guard answers.withLock({ $0[url] }) != nil else { throw .refused("the host is not allowed") }
  }
  func fetch(_ url: String) async throws(FetchFailure) -> Payload {
    guard let answer = answers.withLock({ $0[url] }) else { throw .refused("the host is not allowed") }
    return try answer.get()
  }
}

/// Embeds by hashing words, so that texts with common words are near each other; fails when told to.
final class ScriptedEmbedder: Embedder {
  let model: EmbeddingModel
  private struct State {
    var failure: EmbeddingFailure?
    var calls = 0
    var delay = Duration.zero
    var refused: String?
  }

  private let state = Mutex(State())
  init(_ name: String = "words") { model = EmbeddingModel(name: name, dimensions: 64, maximumTokens: 256) }
  var calls: Int { state.withLock { $0.calls } }
  /// Takes this long for each call.
  func delay(_ delay: Duration) { state.withLock { $0.delay = delay } }
  /// Refuses calls with such a text.
  func refuse(textsWith words: String) { state.withLock { $0.refused = words } }
  func fail(_ failure: EmbeddingFailure?) { state.withLock { $0.failure = failure } }

  func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding] {
    let state = state.withLock { state in
      state.calls += 1
      return state
    }
    if let failure = state.failure { throw failure }
    if state.delay > .zero {
      do { try await Task.sleep(for: state.delay) } catch { throw .cancelled }
    }
    if let refused = state.refused, texts.contains(where: { $0.contains(refused) }) {
      throw .rejected("the model refuses \(refused)")
    }
    return texts.map { text in
      var values = [Float](repeating: 0, count: 64)
      for word in text.lowercased().split(whereSeparator: { !$0.isLetter }) {
        values[Int(word.utf8.reduce(UInt32(7)) { $0 &* 31 &+ UInt32($1) } % 64)] += 1
      }
      let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
      return Embedding(length > 0 ? values.map { $0 / length } : values)
    }
  }
}

/// A model that does what a test says.
final class ScriptedModel: LanguageModel {
  enum Script: Sendable {
    /// Emits the parts and stops.
    case reply([String])
    /// Emits the parts and fails.
    case fail([String], ModelFailure)
    /// Emits the parts and then waits until it is cancelled.
    case hang([String])
  }

  let name: String
  private let script: Script
  private let state = Mutex<(requests: [ModelRequest], wasCancelled: Bool)>(([], false))
  var requests: [ModelRequest] { state.withLock { $0.requests } }
  var wasCancelled: Bool { state.withLock { $0.wasCancelled } }

  init(_ script: Script, name: String = "scripted") {
    self.script = script
    self.name = name
  }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    state.withLock { $0.requests.append(request) }
    switch script {
    case .reply(let parts):
      for part in parts { try await reader.write(part) }
      return ReplyEnd(finishReason: .stop, usage: TokenUsage(promptTokens: 11, completionTokens: 5))
    case .fail(let parts, let failure):
      for part in parts { try await reader.write(part) }
      throw failure
    case .hang(let parts):
      for part in parts { try await reader.write(part) }
      do { try await Task.sleep(for: .seconds(60)) } catch {
        state.withLock { $0.wasCancelled = true }
        throw .cancelled
      }
      throw .broken("nobody cancelled it")
    }
  }
}

/// Keeps the events of a chat.
final class ChatLog: Sendable {
  private let log = Mutex<[ChatEvent]>([])
  var events: [ChatEvent] { log.withLock { $0 } }
  var text: String {
    events.reduce(into: "") { text, event in
      if case .delta(let part) = event { text += part }
    }
  }
  var sources: [Source] {
    for case .sources(let sources) in events { return sources }
    return []
  }
  var started: (conversation: ConversationID, reply: MessageID, question: MessageID)? {
    for case .started(let conversation, let reply, let question, _) in events {
      return (conversation, reply, question)
    }
    return nil
  }
  var completed: (reason: FinishReason, usage: TokenUsage, citations: [Citation])? {
    for case .completed(let reason, let usage, let citations) in events { return (reason, usage, citations) }
    return nil
  }
  @Sendable func emit(_ event: ChatEvent) async throws(UseCaseFailure) { log.withLock { $0.append(event) } }
}

/// What a call is refused with.
///
/// - Throws: where it is not refused by a limit.
func refusal(_ call: @escaping @Sendable () async throws(UseCaseFailure) -> Void) async throws -> UsageRefusal {
  let failure = await Task { () -> UseCaseFailure? in
    do throws(UseCaseFailure) {
      try await call()
      return nil
    } catch {
      return error
    }
  }.value
  guard case .limited(let refusal) = failure else { throw NotRefused(failure: failure) }
  return refusal
}

/// A call that was not refused by a limit: how it failed, or `nil`.
struct NotRefused: Error {
  let failure: UseCaseFailure?
}

/// Waits until a condition holds; a test that waits 10 s in vain goes on and fails where it looks.
func eventually(_ condition: () async throws -> Bool) async throws {
  for _ in 0..<2_000 {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
}

/// A web site of a test: pages by their address, with links.
final class ScriptedSite: SiteReader, LinkReader {
  struct Page: Sendable {
    var text: String
    var links: [String] = []
    var etag: String?
    var directives = PageDirectives()
    var failure: FetchFailure?
  }

  private let state = Mutex<(pages: [String: Page], asked: [String])>(([:], []))
  var pages: [String: Page] {
    get { state.withLock { $0.pages } }
    set { state.withLock { $0.pages = newValue } }
  }
  /// The addresses that were asked for, in order.
  var asked: [String] { state.withLock { $0.asked } }

  func page(_ url: String, unlike validators: ItemValidators) async throws(FetchFailure) -> PageAnswer {
    let page = state.withLock { state in
      state.asked.append(url)
      return state.pages[url]
    }
    guard let page else { return .gone(status: 404) }
    if let failure = page.failure { throw failure }
    if let etag = page.etag, etag == validators.etag { return .notModified }
    let payload = Payload(bytes: Array(page.text.utf8), mediaType: .html, fileName: url)
    return .page(payload, etag: page.etag, lastModified: nil, robots: page.directives)
  }

  func outline(of payload: Payload) async throws(ExtractionFailure) -> PageOutline? {
    let page = payload.fileName.flatMap { name in state.withLock { $0.pages[name] } }
    return page.map { PageOutline(title: "Title", links: $0.links, base: nil, directives: PageDirectives()) }
  }
}

/// A repository of a test: files by their path, each its own blob.
final class ScriptedRepository: RepositoryReader {
  private let state = Mutex<(commit: Int, files: [String: String])>((0, [:]))
  /// What the newest commit has; to set it is to commit.
  var files: [String: String] {
    get { state.withLock { $0.files } }
    set {
      state.withLock { state in
        state.commit += 1
        state.files = newValue
      }
    }
  }

  func snapshot(
    of spec: RepositorySpec, unlessAt commit: String?
  ) async throws(FetchFailure) -> RepositorySnapshot? {
    state.withLock { state in
      if commit == "commit \(state.commit)" { return nil }
      return RepositorySnapshot(
        commit: "commit \(state.commit)",
        files: state.files.map { RepositoryFile(path: $0.key, blob: "blob of \($0.value)", size: $0.value.utf8.count) })
    }
  }

  func contents(of blobs: [String], in spec: RepositorySpec) async throws(FetchFailure) -> [String: [UInt8]] {
    let texts = state.withLock { Array($0.files.values) }
    return Dictionary(texts.map { ("blob of \($0)", Array($0.utf8)) }, uniquingKeysWith: { first, _ in first })
  }
}

extension CompleteDialogue {
  /// Has a reader that is waited for after each event.
  func callAsFunction(
    _ command: Command, _ caller: Principal,
    emit: @escaping @Sendable (CompletionEvent) async throws(UseCaseFailure) -> Void
  ) async throws(UseCaseFailure) {
    try await self(command, caller, reader: CompletionReader(emit))
  }
}
