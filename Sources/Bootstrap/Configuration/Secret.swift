/// A text that must not be seen: it prints as `<hidden>`, in string interpolation, in `dump` and in a debugger alike.
package struct Secret: Hashable, Sendable {
  private let text: String

  /// Wraps a text.
  package init(_ text: String) { self.text = text }

  /// The text itself, for the one place that needs it.
  package func reveal() -> String { text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// `<hidden>`.
  package var description: String { "<hidden>" }
  /// `<hidden>`.
  package var debugDescription: String { description }
  /// Nothing to look into.
  package var customMirror: Mirror { Mirror(self, children: []) }
}
