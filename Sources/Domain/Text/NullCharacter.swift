/// U+0000, which no text that is kept holds: PostgreSQL's text and JSON cannot, and what is written in C stops reading at
/// it.
///
/// People are told when they send one; from what models and extractors give it is dropped.
package enum NullCharacter {
  /// Whether a text holds one. In UTF-8 the byte 0 stands for nothing else.
  package static func isIn(_ text: some StringProtocol) -> Bool { text.utf8.contains(0) }

  /// The text without any.
  package static func dropped(from text: String) -> String {
    isIn(text) ? String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value != 0 })) : text
  }
}
