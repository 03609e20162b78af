import Application
import Domain
import NIOHTTP1
import Synchronization
import Testing

@testable import LanguageModels

/// How readers of every pace get a reply. The other suites read with one that is waited for after each part.
@Suite("Readers that take parts at once, and readers that fall behind")
struct ReaderTests {
  private typealias Configuration = HTTPLanguageModel.Configuration

  /// Takes parts at once, but is behind after those that `isBehind` names, until it has been waited for.
  private final class Reader: Sendable {
    private struct State {
      var texts: [String] = []
      var isBehind = false
      var waits = 0
      var taken = 0
    }

    private let state = Mutex(State())
    private let isBehind: @Sendable (Int) -> Bool
    private let fails: @Sendable (Int) -> Bool

    init(
      isBehind: @escaping @Sendable (Int) -> Bool = { _ in false },
      fails: @escaping @Sendable (Int) -> Bool = { _ in false }
    ) {
      self.isBehind = isBehind
      self.fails = fails
    }

    var texts: [String] { state.withLock { $0.texts } }
    var waits: Int { state.withLock { $0.waits } }

    var port: ReplyReader {
      ReplyReader { part throws(ModelFailure) in
        let (count, wasBehind) = self.state.withLock { state in
          state.texts.append(part)
          return (state.texts.count, state.isBehind)
        }
        #expect(!wasBehind, "a part came although the reader was behind")
        if self.fails(count) { throw .rejected("enough") }
        let isBehind = self.isBehind(count)
        self.state.withLock { $0.isBehind = isBehind }
        return !isBehind
      } untilReady: { () throws(ModelFailure) in
        self.state.withLock { ($0.isBehind, $0.waits) = (false, $0.waits + 1) }
      }
    }
  }

  private static func ask(
    _ steps: [LoopbackHTTPServer.Step], _ reader: ReplyReader, timeouts: Configuration.Timeouts = .init(),
    limits: Configuration.Limits = .init()
  ) async throws -> Result<ReplyEnd, ModelFailure> {
    try await LoopbackHTTPServer.run({ _ in steps }) { server in
      try await Provider.withModel(
        Provider.configuration(server.baseURL, timeouts: timeouts, limits: limits)
      ) { model in
        do throws(ModelFailure) { return .success(try await model.reply(to: Provider.request, reader: reader)) } catch {
          return .failure(error)
        }
      }
    }
  }

  private static let letters = (0..<12).map { String(UnicodeScalar(UInt8(97 + $0))) }
  private static let events = letters.map { Provider.delta($0) } + [Provider.delta("", finish: "stop")]

  @Test(
    "all parts arrive in order, however many come at once and whenever the reader is behind",
    arguments: [1, 2, 3, 5, 13])
  func paces(together: Int) async throws {
    var steps: [LoopbackHTTPServer.Step] = [.head(.ok)]
    for start in stride(from: 0, to: Self.events.count, by: together) {
      steps.append(.text(Self.events[start..<min(start + together, Self.events.count)].joined()))
    }
    for isBehind: @Sendable (Int) -> Bool in [
      { _ in false }, { _ in true }, { $0.isMultiple(of: 2) }, { $0.isMultiple(of: 3) }, { $0 == 12 },
    ] {
      let reader = Reader(isBehind: isBehind)
      let result = try await Self.ask(steps + [.text("data: [DONE]\n\n"), .end], reader.port)
      #expect(try result.get().finishReason == .stop)
      #expect(reader.texts == Self.letters)
      #expect(reader.waits == (1...12).count(where: isBehind))
    }
  }

  @Test("what taking a part throws ends the call and comes back, and no part follows", arguments: [1, 3])
  func failing(at place: Int) async throws {
    let reader = Reader(fails: { $0 == place })
    let result = try await Self.ask([.head(.ok), .text(Self.events.joined())], reader.port)
    #expect(throws: ModelFailure.rejected("enough")) { try result.get() }
    #expect(reader.texts == Array(Self.letters.prefix(place)))
  }

  @Test("what is wrong behind parts ends the reply when they have been taken", arguments: [false, true])
  func broken(isBehind: Bool) async throws {
    let reader = Reader(isBehind: { _ in isBehind })
    let result = try await Self.ask(
      [.head(.ok), .text(Self.events[0] + Self.events[1] + "data: {\n\n"), .end], reader.port)
    #expect(throws: ModelFailure.broken("the model local sent an event that is no reply")) { try result.get() }
    #expect(reader.texts == ["a", "b"])
  }

  @Test("a gap breaks the reply of a reader that takes parts at once, and a cancelled task ends it")
  func gap() async throws {
    var timeouts = Configuration.Timeouts()
    timeouts.gap = .milliseconds(400)
    let reader = Reader()
    let result = try await Self.ask([.head(.ok), .text(Self.events[0])], reader.port, timeouts: timeouts)
    #expect(throws: ModelFailure.broken("the model local stopped replying")) { try result.get() }
    #expect(reader.texts == ["a"])

    let other = Reader()
    let task = Task { try await Self.ask([.head(.ok), .text(Self.events[0])], other.port) }
    while other.texts.isEmpty { await Task.yield() }
    task.cancel()
    let cancelled = try await task.value
    #expect(throws: ModelFailure.cancelled) { try cancelled.get() }
  }

  @Test("a reader that never gets ready is left when the time of the whole call is over")
  func stalled() async throws {
    var timeouts = Configuration.Timeouts()
    timeouts.whole = .seconds(1)
    let wasCancelled = Atomic(false)
    let reader = ReplyReader { _ throws(ModelFailure) in
      false
    } untilReady: { () throws(ModelFailure) in
      do { try await Task.sleep(for: .seconds(600)) } catch {
        wasCancelled.store(true, ordering: .relaxed)
        throw .cancelled
      }
    }
    let result = try await Self.ask([.head(.ok), .text(Self.events.joined())], reader, timeouts: timeouts)
    #expect(throws: ModelFailure.broken("the model local took too long to finish its reply")) { try result.get() }
    let isTold = wasCancelled.load(ordering: .relaxed)
    #expect(isTold)
  }
}
