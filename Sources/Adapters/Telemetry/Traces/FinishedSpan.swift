package import Tracing

/// A span that has ended, as it is exported.
package struct FinishedSpan: Sendable {
  /// Something that happened while it lasted.
  package struct Event: Sendable {
    /// What.
    package let name: String
    /// When, in nanoseconds since 1970.
    package let time: UInt64
    /// What is known of it.
    package let attributes: [(key: String, value: SpanAttribute)]
  }

  /// Whose span it is: its own, its trace and its parent.
  package let trace: TraceContext
  /// What was done.
  package let name: String
  /// Which side of a call it is.
  package let kind: SpanKind
  /// When it began, in nanoseconds since 1970.
  package let start: UInt64
  /// When it ended.
  package let end: UInt64
  /// What is known of it, by name.
  package let attributes: [(key: String, value: SpanAttribute)]
  /// Attributes that were too many.
  package let droppedAttributes: Int
  /// What happened, in order.
  package let events: [Event]
  /// Events that were too many.
  package let droppedEvents: Int
  /// Whether it went well, where that was said.
  package let status: SpanStatus?
}

extension SpanAttributes {
  /// The attributes by name.
  var sorted: [(key: String, value: SpanAttribute)] {
    var all: [(key: String, value: SpanAttribute)] = []
    forEach { all.append(($0, $1)) }
    return all.sorted { $0.key < $1.key }
  }
}
