/// A path with named gaps, such as `/conversations/{conversationId}/messages`.
package struct PathTemplate: Hashable, Sendable {
  /// A part between slashes.
  package enum Segment: Hashable, Sendable {
    /// Exactly this.
    case literal(String)
    /// Anything that is not empty.
    case parameter(String)
  }

  /// The parts in order.
  package let segments: [Segment]

  /// Reads a template.
  package init(_ text: String) {
    segments = text.split(separator: "/").map { part in
      part.hasPrefix("{") && part.hasSuffix("}")
        ? .parameter(String(part.dropFirst().dropLast())) : .literal(String(part))
    }
  }

  /// The names of the gaps.
  package var names: [String] {
    segments.compactMap { if case .parameter(let name) = $0 { name } else { nil } }
  }
}
