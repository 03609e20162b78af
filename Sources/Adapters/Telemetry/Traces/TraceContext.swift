/// Where a request stands in a distributed trace: W3C Trace Context, level 1 (https://www.w3.org/TR/trace-context-1/).
package struct TraceContext: Hashable, Sendable {
  /// The trace, 16 bytes, not all zero.
  package let traceID: TraceID
  /// This hop, 8 bytes, not all zero.
  package let spanID: SpanID
  /// The hop that called this one; `nil` where the trace began here.
  package let parentSpanID: SpanID?
  /// Bits of `trace-flags` that are known: sampled (0x01) and, of level 2, random (0x02).
  package let flags: UInt8
  /// What the caller's tracing systems pass along, `nil` when there is none.
  package let state: TraceState?

  /// The flag of a caller that records.
  package static let sampled: UInt8 = 0x01
  private static let knownFlags: UInt8 = 0x03

  /// Makes a context of its parts.
  package init(traceID: TraceID, spanID: SpanID, parentSpanID: SpanID?, flags: UInt8, state: TraceState?) {
    self.traceID = traceID
    self.spanID = spanID
    self.parentSpanID = parentSpanID
    self.flags = flags & Self.knownFlags
    self.state = state
  }

  /// Whether the caller records this trace.
  package var isSampled: Bool { flags & Self.sampled != 0 }

  /// Begins a trace here.
  package static func new(sampled: Bool = true) -> TraceContext {
    TraceContext(
      traceID: .random(),
      spanID: .random(),
      parentSpanID: nil,
      flags: sampled ? Self.sampled : 0,
      state: nil
    )
  }

  /// Takes what a caller sent, with a new span for this hop.
  ///
  /// - Parameters:
  ///   - traceparent: the header's value; a version above 00 is read as 00, as §3.2.4 asks.
  ///   - tracestate: the headers' values, joined by commas; dropped when it does not follow the grammar.
  /// - Returns: `nil` for anything that does not follow §3.2: the trace is to begin anew.
  package static func continuing(traceparent: String, tracestate: String?) -> TraceContext? {
    guard let parent = TraceParent(traceparent) else { return nil }
    return TraceContext(
      traceID: parent.traceID,
      spanID: .random(),
      parentSpanID: parent.spanID,
      flags: parent.flags,
      state: tracestate.flatMap(TraceState.init)
    )
  }

  /// The next hop of the same trace.
  func child() -> TraceContext {
    TraceContext(traceID: traceID, spanID: .random(), parentSpanID: spanID, flags: flags, state: state)
  }

  /// The hop that called, as it is named in what it sent; `nil` where the trace began here.
  var ofCaller: TraceContext? {
    parentSpanID.map { TraceContext(traceID: traceID, spanID: $0, parentSpanID: nil, flags: flags, state: state) }
  }

  /// The header for calls that this hop makes, version 00, 55 characters.
  package var traceparent: String { "00-\(traceID)-\(spanID)-\(hexadecimal([flags]))" }

  /// The same, not recorded.
  var unsampled: TraceContext {
    TraceContext(
      traceID: traceID, spanID: spanID, parentSpanID: parentSpanID, flags: flags & ~Self.sampled, state: state)
  }
}

/// The fields of a `traceparent` header (§3.2.2).
struct TraceParent {
  let traceID: TraceID
  let spanID: SpanID
  let flags: UInt8

  init?(_ text: String) {
    let bytes = Array(text.utf8)
    let dash = UInt8(ascii: "-")
    guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
      let version = hexadecimal(bytes[0..<2])?.first, version != 0xFF,
      version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
      let traceID = hexadecimal(bytes[3..<35]).flatMap(TraceID.init),
      let spanID = hexadecimal(bytes[36..<52]).flatMap(SpanID.init),
      let flags = hexadecimal(bytes[53..<55])?.first
    else { return nil }
    self.traceID = traceID
    self.spanID = spanID
    self.flags = flags
  }
}
