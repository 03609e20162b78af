/// A JSON value that came with a submission; objects keep no order.
package indirect enum MetadataValue: Hashable, Sendable {
  /// `null`.
  case null
  /// `true` or `false`.
  case bool(Bool)
  /// A number.
  case number(Double)
  /// A string.
  case string(String)
  /// An array.
  case list([MetadataValue])
  /// An object.
  case object([String: MetadataValue])

  /// The text, if this is a string.
  package var string: String? {
    if case .string(let text) = self { text } else { nil }
  }
}

/// What a submitter said about a submission, beyond its title: tags, author, anything.
package typealias Metadata = [String: MetadataValue]

extension Metadata {
  /// The strings of the entry `tags`, which filters match; a single string counts as one tag.
  package var tags: [String] {
    switch self["tags"] {
    case .string(let tag): [tag]
    case .list(let values): values.compactMap(\.string)
    default: []
    }
  }
}
