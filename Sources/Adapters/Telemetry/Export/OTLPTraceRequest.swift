import Tracing

/// The message that spans are exported in: `opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest`.
///
/// Source: opentelemetry-proto 1.x, `trace/v1/trace.proto`, `common/v1/common.proto`; field numbers are those of the files.
package enum OTLPTraceRequest {
  /// The message in binary form.
  ///
  /// - Parameters:
  ///   - resource: what is known of the process, such as `service.name`.
  ///   - scope: the name and version of what records the spans.
  package static func encode(
    _ spans: [FinishedSpan], resource: [(key: String, value: String)], scope: (name: String, version: String)
  ) -> [UInt8] {
    var request = ProtobufWriter()
    request.message(1) { resourceSpans in
      resourceSpans.message(1) { message in
        for (key, value) in resource { write(key, .string(value), as: 1, to: &message) }
      }
      resourceSpans.message(2) { scopeSpans in
        scopeSpans.message(1) { message in
          message.text(1, scope.name.utf8)
          message.text(2, scope.version.utf8)
        }
        for span in spans { scopeSpans.message(2) { write(span, to: &$0) } }
      }
    }
    return request.bytes
  }

  private static func write(_ span: FinishedSpan, to message: inout ProtobufWriter) {
    message.text(1, span.trace.traceID.bytes)
    message.text(2, span.trace.spanID.bytes)
    if let state = span.trace.state { message.text(3, state.text.utf8) }
    if let parent = span.trace.parentSpanID { message.text(4, parent.bytes) }
    message.text(5, span.name.utf8)
    message.varint(6, kind(span.kind))
    message.fixed64(7, span.start)
    message.fixed64(8, span.end)
    for (key, value) in span.attributes { write(key, value, as: 9, to: &message) }
    message.varint(10, UInt64(span.droppedAttributes))
    for event in span.events {
      message.message(11) { inner in
        inner.fixed64(1, event.time)
        inner.text(2, event.name.utf8)
        for (key, value) in event.attributes { write(key, value, as: 3, to: &inner) }
      }
    }
    message.varint(12, UInt64(span.droppedEvents))
    if let status = span.status {
      message.message(15) { inner in
        if let text = status.message { inner.text(2, text.utf8) }
        inner.varint(3, status.code == .ok ? 1 : 2)
      }
    }
    message.fixed32(16, UInt32(span.trace.flags))
  }

  /// `SpanKind` of trace.proto.
  private static func kind(_ kind: SpanKind) -> UInt64 {
    switch kind {
    case .internal: 1
    case .server: 2
    case .client: 3
    case .producer: 4
    case .consumer: 5
    }
  }

  /// A `KeyValue`.
  private static func write(
    _ key: String, _ value: SpanAttribute, as field: UInt64, to message: inout ProtobufWriter
  ) {
    message.message(field) { pair in
      pair.text(1, key.utf8)
      pair.message(2) { write(value, to: &$0) }
    }
  }

  /// An `AnyValue`.
  private static func write(_ value: SpanAttribute, to message: inout ProtobufWriter) {
    func array<Element>(_ elements: [Element], _ attribute: (Element) -> SpanAttribute) {
      message.message(5) { list in
        for element in elements { list.message(1) { write(attribute(element), to: &$0) } }
      }
    }
    switch value {
    case .string(let text): message.whole(1, text.utf8)
    case .stringConvertible(let value): message.whole(1, value.description.utf8)
    case .bool(let truth): message.element(2, truth ? 1 : 0)
    case .int32(let number): message.element(3, UInt64(bitPattern: Int64(number)))
    case .int64(let number): message.element(3, UInt64(bitPattern: number))
    case .double(let number): message.fixed64(4, number.bitPattern)
    case .stringArray(let texts): array(texts) { .string($0) }
    case .stringConvertibleArray(let values): array(values) { .string($0.description) }
    case .boolArray(let truths): array(truths) { .bool($0) }
    case .int32Array(let numbers): array(numbers) { .int32($0) }
    case .int64Array(let numbers): array(numbers) { .int64($0) }
    case .doubleArray(let numbers): array(numbers) { .double($0) }
    // The enum asks not to be switched over exhaustively; a kind that comes later is told as its text.
    default: message.whole(1, "\(value)".utf8)
    }
  }
}
