import Application
import Domain
import FoundationEssentials
import InMemoryStorage
import Synchronization

/// The use cases over the in-memory adapters, with a model that does what a test says.
struct WireWorld: Sendable {
  let useCases: UseCases
  let model: ScriptedModel
  let storage = InMemoryStorage()
  let replies = InMemoryReplyLog()
  let clock = MovableClock()

  init(
    model: ScriptedModel = ScriptedModel(.reply(["From what I read ", "[1]."])), reranker: (any Reranker)? = nil
  ) {
    self.model = model
    let count = Mutex<UInt64>(0)
    let ids = SharedCount(count)
    var settings = UseCaseSettings()
    settings.jobWatchInterval = .milliseconds(5)
    var world = World(
      users: storage.users, sessions: storage.sessions, apiKeys: storage.apiKeys,
      conversations: storage.conversations,
      memories: storage.memories,
      submissions: storage.submissions, documents: storage.documents, jobQueue: storage.jobQueue,
      jobs: storage.jobs, collections: storage.collections, passages: storage.passages, replies: replies,
      outbox: storage.outbox, usage: storage.usage, budgets: storage.budgets,
      models: LanguageModelRegistry(models: [model], defaultName: model.name),
      embedders: Embedders(wanted: "none", [:]),
      embeddingModels: storage.embeddingModels,
      counter: ApproximateTokenCounter(), extractor: OneParagraph(), fetcher: NoFetcher(),
      sources: CollectionSources(
        sites: NoFetcher(), links: OneParagraph(), repositories: NoFetcher(), reads: { _ in true }),
      hasher: PlainHasher(),
      secrets: RandomSecrets(), makeID: IDGenerator { ids.next() }, clock: WallClock { [clock] in clock.now })
    world.reranker = reranker
    useCases = UseCases(world, settings)
  }

  /// Works on queued jobs until none is due.
  func ingest() async throws {
    while try await useCases.ingestNext(worker: "test") {}
  }
}

/// A clock that tests can move; otherwise each reading is a millisecond later.
final class MovableClock: Sendable {
  private let time = Mutex(Date(timeIntervalSince1970: 1_800_000_000))
  var now: Date {
    time.withLock { time in
      time += 0.001
      return time
    }
  }
  func advance(_ seconds: TimeInterval) { time.withLock { $0 += seconds } }
}

final class SharedCount: Sendable {
  private let value: Mutex<UInt64>
  init(_ value: consuming Mutex<UInt64>) { self.value = value }
  func next() -> UUID {
    let n = value.withLock { value in
      value += 1
      return value
    }
    let byte = { (shift: UInt64) in UInt8(truncatingIfNeeded: n >> shift) }
    return UUID(
      uuid: (0, 0, 0, 0, 0, 0, 0x70, 0, 0x80, byte(48), byte(40), byte(32), byte(24), byte(16), byte(8), byte(0)))
  }
}

struct PlainHasher: PasswordHasher {
  func hash(_ password: Password) async throws(HashingFailure) -> PasswordHash { PasswordHash(password.text) }
  func verify(_ password: Password, against hash: PasswordHash?) async throws(HashingFailure) -> Bool {
    hash?.text == password.text
  }
}

struct RandomSecrets: SecretGenerator {
  func sessionToken() -> SessionToken {
    let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789")
    return SessionToken(String((0..<SessionToken.length).map { _ in letters[Int.random(in: 0..<letters.count)] }))!
  }
  func hash(_ bytes: some Sequence<UInt8>) -> SecretHash { SecretHash(Array(bytes)) }
}

struct OneParagraph: TextExtractor {
  func extract(_ payload: Payload) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
    guard let text = String(validating: payload.bytes, as: UTF8.self) else { throw .unsupported("it is no text") }
    guard !text.trimmingWhitespace().isEmpty else { throw .empty }
    let block = TextBlock(kind: .paragraph, range: 0..<text.utf8.count)
    return (ExtractedText(text: text, title: nil, blocks: [block]), .plainText)
  }
}

struct NoFetcher: ContentFetcher {
  func check(_ url: String) throws(FetchFailure) { throw .refused("the host of \(url) is not allowed") }
  func fetch(_ url: String) async throws(FetchFailure) -> Payload { throw .refused("the host is not allowed") }
}

extension NoFetcher: RepositoryReader {
  func snapshot(
    of spec: RepositorySpec, unlessAt commit: String?
  ) async throws(FetchFailure) -> RepositorySnapshot? { throw .refused("the host is not allowed") }
  func contents(of blobs: [String], in spec: RepositorySpec) async throws(FetchFailure) -> [String: [UInt8]] { [:] }
}

extension NoFetcher: SiteReader {
  func page(_ url: String, unlike validators: ItemValidators) async throws(FetchFailure) -> PageAnswer {
    throw .refused("the host is not allowed")
  }
}

extension OneParagraph: LinkReader {
  func outline(of payload: Payload) async throws(ExtractionFailure) -> PageOutline? { nil }
}

/// A model that does what a test says, and remembers whether it was cancelled.
final class ScriptedModel: LanguageModel {
  enum Script: Sendable {
    /// Emits the parts and stops.
    case reply([String])
    /// Emits the parts and fails.
    case fail([String], ModelFailure)
    /// Emits the parts and then waits until it is cancelled.
    case hang([String])
    /// Emits a part, waits, and goes on so.
    case drip([String], every: Duration)
    /// Emits a part so many times, as fast as it is let.
    case flood(String, times: Int)
  }

  let name = "scripted"
  private let script: Script
  private let cancelledAt = Mutex<ContinuousClock.Instant?>(nil)
  private let emittedParts = Mutex(0)
  /// How many parts of a flood, or before it hung, were taken.
  var emitted: Int { emittedParts.withLock { $0 } }
  /// When it was cancelled.
  var cancellation: ContinuousClock.Instant? { cancelledAt.withLock { $0 } }

  init(_ script: Script) { self.script = script }

  func reply(
    to request: ModelRequest, reader: ReplyReader
  ) async throws(ModelFailure) -> ReplyEnd {
    switch script {
    case .reply(let parts):
      for part in parts { try await reader.write(part) }
    case .fail(let parts, let failure):
      for part in parts { try await reader.write(part) }
      throw failure
    case .hang(let parts):
      for part in parts {
        try await reader.write(part)
        emittedParts.withLock { $0 += 1 }
      }
      try await wait(.seconds(60))
      throw .broken("nobody cancelled it")
    case .drip(let parts, let interval):
      for part in parts {
        try await reader.write(part)
        try await wait(interval)
      }
    case .flood(let part, let times):
      for _ in 0..<times {
        do throws(ModelFailure) { try await reader.write(part) } catch {
          cancelledAt.withLock { $0 = .now }
          throw error
        }
        emittedParts.withLock { $0 += 1 }
      }
    }
    return ReplyEnd(finishReason: .stop, usage: TokenUsage(promptTokens: 11, completionTokens: 5))
  }

  private func wait(_ duration: Duration) async throws(ModelFailure) {
    do { try await Task.sleep(for: duration) } catch {
      cancelledAt.withLock { $0 = .now }
      throw .cancelled
    }
  }
}

struct Missing: Error {}

/// The value, or a failed test.
func required<Value>(_ value: Value?) throws -> Value {
  guard let value else { throw Missing() }
  return value
}

/// Waits until a condition holds; a test that waits 10 s in vain goes on and fails where it looks.
func eventually(_ condition: () async throws -> Bool) async throws {
  for _ in 0..<2_000 {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(5))
  }
}
