import Instrumentation
import ServiceContextModule
import Testing

@testable import Telemetry

@Suite("Traces are taken over and handed on as W3C Trace Context")
struct TraceContextTests {
  static let example = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  @Test("the specification's example is continued: same trace and flags, the caller as parent, a new span")
  func continues() throws {
    let context = try #require(TraceContext.continuing(traceparent: Self.example, tracestate: nil))
    #expect(context.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(context.parentSpanID?.description == "00f067aa0ba902b7")
    #expect(context.isSampled)
    #expect(context.spanID != context.parentSpanID)
    #expect(context.traceparent == "00-4bf92f3577b34da6a3ce929d0e0e4736-\(context.spanID)-01")
    #expect(context.traceparent.utf8.count == 55)
  }

  @Test("flags: not sampled stays so, random is passed on, bits that version 00 does not know are cleared")
  func flags() throws {
    func passedOn(_ flags: String) throws -> String {
      let parent = Self.example.dropLast(2) + flags
      return String(
        try #require(TraceContext.continuing(traceparent: String(parent), tracestate: nil)).traceparent.suffix(2)
      )
    }
    #expect(try passedOn("00") == "00")
    #expect(try passedOn("02") == "02")
    #expect(try passedOn("ff") == "03")
  }

  @Test("a later version is read as 00, with or without more fields")
  func laterVersion() throws {
    let later = "cc" + Self.example.dropFirst(2)
    for parent in [later, later + "-what-the-future-will-be-like"] {
      let context = try #require(TraceContext.continuing(traceparent: parent, tracestate: nil))
      #expect(context.traceparent.hasPrefix("00-4bf92f3577b34da6a3ce929d0e0e4736-"))
    }
  }

  @Test(
    "what does not follow the grammar is refused",
    arguments: [
      "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", "\(example)-", "\(example)-01",
      "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.",
      "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
      "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
      "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
      " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ]
  )
  func refused(parent: String) {
    #expect(TraceContext.continuing(traceparent: parent, tracestate: "a=1") == nil)
  }

  @Test(
    "a list of other systems is passed on unchanged, spaces around members left out",
    arguments: [
      ("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
      ("foo=1 \t , \t bar=2", "foo=1,bar=2"), ("foo=1,,bar=2,", "foo=1,bar=2"),
      ("fw529a3039@dt=FfD_-/*@ !~", "fw529a3039@dt=FfD_-/*@ !~"), ("0a-_*/z=1", "0a-_*/z=1"),
    ]
  )
  func state(text: String, expected: String) {
    #expect(TraceState(text)?.text == expected)
  }

  @Test(
    "a list that does not follow the grammar is dropped as a whole, and the trace still continues",
    arguments: [
      "", " , ", "foo", "=1", "foo=", "Foo=1", "foo bar=1", "foo=1=2", "foo=1,foo=2", "foo@=1", "@foo=1", "a@b@c=1",
      "foo@Bar=1", "foo=ü", "foo=\u{1}", "_foo=1",
      (1...33).map { "k\($0)=1" }.joined(separator: ","),
      String(repeating: "k", count: 257) + "=1", "k=" + String(repeating: "v", count: 257),
      String(repeating: "t", count: 242) + "@v=1", "t@" + String(repeating: "v", count: 15) + "=1",
    ]
  )
  func malformedState(text: String) throws {
    #expect(TraceState(text) == nil)
    let context = try #require(TraceContext.continuing(traceparent: Self.example, tracestate: text))
    #expect(context.state == nil)
  }

  @Test("a list of 512 characters is passed on; of a longer one large members go first, then the last ones")
  func stateLimit() {
    func member(_ key: String, _ length: Int) -> String { key + "=" + String(repeating: "v", count: length - 2) }
    let exact = [member("a", 128), member("b", 128), member("c", 128), member("d", 125)].joined(separator: ",")
    #expect(exact.utf8.count == 512)
    #expect(TraceState(exact)?.text == exact)
    let above = [member("a", 129), member("b", 128), member("c", 128), member("d", 128)].joined(separator: ",")
    #expect(TraceState(above)?.text == above.split(separator: ",").dropFirst().joined(separator: ","))
    let small = (0..<20).map { member(String(UnicodeScalar(UInt8(97 + $0))), 30) }
    #expect(TraceState(small.joined(separator: ","))?.text == small.prefix(16).joined(separator: ","))
  }

  private struct Headers: Extractor, Injector {
    func extract(key: String, from carrier: [String: String]) -> String? { carrier[key] }
    func inject(_ value: String, forKey key: String, into carrier: inout [String: String]) { carrier[key] = value }
  }

  @Test("what comes in goes out with this hop as the parent")
  func throughTheInstrument() throws {
    var context = ServiceContext.topLevel
    W3CInstrument().extract(
      ["traceparent": Self.example, "tracestate": "rojo=1"],
      into: &context,
      using: Headers()
    )
    var headers: [String: String] = [:]
    W3CInstrument().inject(context, into: &headers, using: Headers())
    let span = try #require(context.traceContext).spanID
    #expect(headers == ["traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-\(span)-01", "tracestate": "rojo=1"])
  }

  @Test("without a trace, or with a malformed one, a new trace begins here, and its list is not passed on")
  func newTrace() throws {
    var traces: Set<TraceID> = []
    for carrier in [[:], ["traceparent": "nonsense", "tracestate": "rojo=1"], ["tracestate": "rojo=1"]] {
      var context = ServiceContext.topLevel
      W3CInstrument(samplesNewTraces: false).extract(carrier, into: &context, using: Headers())
      let trace = try #require(context.traceContext)
      #expect(trace.parentSpanID == nil)
      #expect(trace.isSampled == false)
      #expect(trace.state == nil)
      traces.insert(trace.traceID)
    }
    #expect(traces.count == 3)
  }

  @Test("outside a trace nothing goes out")
  func nothingToInject() {
    var headers: [String: String] = [:]
    W3CInstrument().inject(.topLevel, into: &headers, using: Headers())
    #expect(headers.isEmpty)
  }
}
