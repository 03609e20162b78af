import Instrumentation
import Logging
import ServiceContextModule
import Synchronization
import Testing
import Tracing

@testable import Telemetry

@Suite("Spans are recorded within limits and handed on once")
struct SpanTests {
  private final class Finished: Sendable {
    private let list = Mutex<[FinishedSpan]>([])
    var spans: [FinishedSpan] { list.withLock { $0 } }
    func add(_ span: FinishedSpan) { list.withLock { $0.append(span) } }
  }

  private struct Headers: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
  }

  private let finished = Finished()

  private func tracer(ratio: Double = 1) -> ExportingTracer {
    ExportingTracer(ratio: ratio) { [finished] in finished.add($0) }
  }

  private func context(_ traceparent: String?) -> ServiceContext {
    var context = ServiceContext.topLevel
    tracer().extract(traceparent.map { ["traceparent": $0] } ?? [:], into: &context, using: Headers())
    return context
  }

  @Test("a span is a child of the caller's, and its own children and calls name it as their parent")
  func family() throws {
    let tracer = tracer()
    let parent = tracer.startSpan("parent", context: context(TraceContextTests.example), ofKind: .server)
    let child = tracer.startSpan("child", context: parent.context)
    var headers: [String: String] = [:]
    tracer.inject(child.context, into: &headers, using: Headers())
    child.end()
    parent.end()
    let spans = finished.spans
    try #require(spans.map(\.name) == ["child", "parent"])
    #expect(spans[1].trace.parentSpanID?.description == "00f067aa0ba902b7")
    #expect(spans[0].trace.parentSpanID == spans[1].trace.spanID)
    #expect(spans[0].trace.traceID == spans[1].trace.traceID)
    #expect(headers["traceparent"] == "00-4bf92f3577b34da6a3ce929d0e0e4736-\(spans[0].trace.spanID)-01")
  }

  @Test("what a caller does not record is not recorded here, and its trace goes on all the same")
  func unsampled() {
    let tracer = tracer()
    let span = tracer.startSpan("x", context: context(String(TraceContextTests.example.dropLast(2)) + "00"))
    #expect(!span.isRecording)
    span.attributes["a"] = "b"
    span.addEvent("e")
    span.end()
    #expect(finished.spans.isEmpty)
    #expect(span.context.traceContext?.traceparent.hasSuffix("-00") == true)
  }

  @Test("the ratio decides by the trace's id where a trace begins: all, none, about half", arguments: [0.0, 0.5, 1.0])
  func ratio(_ ratio: Double) {
    let tracer = tracer(ratio: ratio)
    let recorded = (0..<2_000).count { _ in tracer.startSpan("x", context: .topLevel).isRecording }
    // Six standard deviations.
    #expect(abs(Double(recorded) - 2_000 * ratio) <= (ratio == 0.5 ? 135 : 0))
  }

  @Test("a span that has ended changes no more, and is handed on once")
  func ended() {
    let span = tracer().startSpan("x", context: .topLevel)
    span.attributes["a"] = 1
    span.end()
    #expect(!span.isRecording)
    span.attributes["b"] = 2
    span.operationName = "y"
    span.setStatus(SpanStatus(code: .error))
    span.end()
    #expect(finished.spans.count == 1)
    #expect(finished.spans.first?.name == "x")
    #expect(finished.spans.first?.attributes.map(\.key) == ["a"])
    #expect(finished.spans.first?.status == nil)
  }

  @Test("attributes, events and texts beyond the limits are counted or cut")
  func limits() throws {
    let span = tracer().startSpan("x", context: .topLevel)
    for number in 0..<130 { span.attributes["k\(number)"] = number }
    for number in 0..<131 { span.addEvent(SpanEvent(name: "e\(number)")) }
    span.end()
    let first = try #require(finished.spans.first)
    #expect(first.attributes.count == 128 && first.droppedAttributes == 2)
    #expect(first.events.count == 128 && first.droppedEvents == 3)
    for (length, kept) in [(1_024, 1_024), (1_025, 1_024)] {
      let span = tracer().startSpan("x", context: .topLevel)
      span.attributes["t"] = String(repeating: "é", count: length / 2) + String(repeating: "x", count: length % 2)
      span.end()
      guard case .string(let text)? = finished.spans.last?.attributes.first?.value else {
        Issue.record("no text")
        continue
      }
      #expect(text.utf8.count <= kept)
      #expect(text.hasSuffix("…") == (length > 1_024))
    }
  }

  @Test("of an error its type is recorded, and not its words")
  func errors() throws {
    struct Told: Error, CustomStringConvertible { let description = "what somebody wrote" }
    let span = tracer().startSpan("x", context: .topLevel)
    span.recordError(Told())
    span.end()
    let event = try #require(finished.spans.first?.events.first)
    #expect(event.name == "exception")
    #expect(event.attributes.map(\.value) == [.string("Told")])
  }

  @Test("what was said to have gone well stays so")
  func status() {
    let span = tracer().startSpan("x", context: .topLevel)
    span.setStatus(SpanStatus(code: .error, message: "a"))
    span.setStatus(SpanStatus(code: .ok))
    span.setStatus(SpanStatus(code: .error))
    span.end()
    #expect(finished.spans.first?.status?.code == .ok)
  }
}

@Suite("Spans are exported in batches")
struct SpanExportTests {
  private final class Collector: Sendable {
    private let state: Mutex<(batches: [Int], answers: [SpanExport.Answer])>
    init(_ answers: [SpanExport.Answer] = []) { state = Mutex(([], answers)) }
    var batches: [Int] { state.withLock { $0.batches } }
    func take(_ message: [UInt8]) -> SpanExport.Answer {
      state.withLock { state in
        state.batches.append(message.count)
        return state.answers.isEmpty ? .taken(rejected: 0, reason: "") : state.answers.removeFirst()
      }
    }
  }

  private func span() -> FinishedSpan {
    FinishedSpan(
      trace: .new(), name: "x", kind: .internal, start: 1, end: 2, attributes: [], droppedAttributes: 0, events: [],
      droppedEvents: 0, status: nil)
  }

  private func export(
    _ buffer: SpanBuffer, to collector: Collector, interval: Duration = .milliseconds(10)
  ) -> SpanExport {
    var settings = SpanExport.Settings()
    settings.interval = interval
    settings.firstWait = .milliseconds(1)
    return SpanExport(buffer, settings: settings, logger: .init(label: "test")) { spans in
      [UInt8](repeating: 0, count: spans.count)
    } send: {
      collector.take($0)
    }
  }

  @Test("a buffer holds so many, counts the rest, and gives them out oldest first")
  func buffer() {
    let buffer = SpanBuffer(capacity: 5, batch: 2)
    for _ in 0..<7 { buffer.add(span()) }
    var taken: [(Int, Int)] = []
    while true {
      let (spans, dropped) = buffer.take()
      if spans.isEmpty { break }
      taken.append((spans.count, dropped))
    }
    #expect(taken.map(\.0) == [2, 2, 1])
    #expect(taken.map(\.1) == [2, 0, 0])
  }

  @Test("a full batch is not waited for, and what is left is sent in the end")
  func batches() async throws {
    let buffer = SpanBuffer(capacity: 100, batch: 10)
    let collector = Collector()
    let task = Task { await export(buffer, to: collector, interval: .seconds(60)).run() }
    for _ in 0..<10 { buffer.add(span()) }
    while collector.batches.isEmpty { try await Task.sleep(for: .milliseconds(1)) }
    for _ in 0..<3 { buffer.add(span()) }
    task.cancel()
    await task.value
    #expect(collector.batches == [10, 3])
  }

  @Test("what cannot be taken now is sent again, so often; what is refused is not")
  func retries() async throws {
    let buffer = SpanBuffer(capacity: 100, batch: 10)
    let collector = Collector(
      [.later("a", after: nil), .later("b", after: .milliseconds(2)), .taken(rejected: 0, reason: "")]
        + [.refused("c")] + Array(repeating: .later("d", after: nil), count: 5))
    let task = Task { await export(buffer, to: collector).run() }
    for size in [1, 2, 3] {
      let before = collector.batches.count
      for _ in 0..<size { buffer.add(span()) }
      while collector.batches.count < before + [3, 1, 5][size - 1] { try await Task.sleep(for: .milliseconds(1)) }
    }
    task.cancel()
    await task.value
    #expect(collector.batches.count == 9)
  }

  @Test("a partial success is read, and an answer that is none counts as whole")
  func partial() {
    let text = Array("too much".utf8)
    let inner: [UInt8] = [0x08, 0xAC, 0x02, 0x12, UInt8(text.count)] + text
    #expect(
      SpanExport.Answer(body: [0x0A, UInt8(inner.count)] + inner) == .taken(rejected: 300, reason: "too much"))
    #expect(SpanExport.Answer(body: []) == .taken(rejected: 0, reason: ""))
    for broken: [UInt8] in [[0x0A], [0x0A, 0xFF], [0xFF], [0x0A, 0x80, 0x80], [0x0B, 1], [0x09, 1], [0x0D, 1, 2]] {
      #expect(SpanExport.Answer(body: broken) == .taken(rejected: 0, reason: ""))
    }
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<10_000 {
      let bytes = (0..<Int.random(in: 0...40)).map { _ in UInt8.random(in: 0...255, using: &generator) }
      guard case .taken(let rejected, _) = SpanExport.Answer(body: bytes) else {
        Issue.record("no answer")
        return
      }
      #expect(rejected >= 0)
    }
  }
}
