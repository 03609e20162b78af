/// Makes text safe to stand between a prompt's marks: what reads as one of them is defused, all else stays as it is.
///
/// Defused are the prompt's own `<passage` and `<passages` tags (either case, opening or closing, with white space or
/// invisible characters inserted), and the marks by which chat templates tell turns apart, because some servers read
/// them even within a message: `<|…`, `<s>`, `<start_of_turn>`, `<<SYS>>`, `[INST]` and the like. The first character
/// of a mark is written as `&lt;` or `&#91;`.
package enum QuotedText {
  /// The longest title in characters.
  static let maximumTitleLength = 200

  private static let angleMarks = [
    "passage", "s>", "start_of_turn", "end_of_turn", "<sys>>", "bos>", "eos>", "unk>", "im_start", "im_end",
  ].map { Array($0.unicodeScalars) }
  private static let squareMarks = ["inst]", "system_prompt]", "available_tools]", "tool_results]"]
    .map { Array($0.unicodeScalars) }

  /// The text with its marks defused.
  package static func body(_ text: String) -> String {
    // Most text has neither character: no copy then.
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "<") || $0 == UInt8(ascii: "[") }) else { return text }
    let scalars = Array(text.unicodeScalars)
    var result = String.UnicodeScalarView()
    for index in scalars.indices {
      switch scalars[index] {
      case "<" where opensTag(scalars, behind: index): result.append(contentsOf: "&lt;".unicodeScalars)
      case "[" where matches(scalars, behind: index, squareMarks): result.append(contentsOf: "&#91;".unicodeScalars)
      default: result.append(scalars[index])
      }
    }
    return String(result)
  }

  /// A title as the value of an attribute: one line, no quotes or angle brackets, at most ``maximumTitleLength``
  /// characters.
  static func attribute(_ text: String) -> String {
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let plain = line.unicodeScalars.map { scalar -> Unicode.Scalar in
      switch scalar {
      case "\"": "'"
      case "<": "("
      case ">": ")"
      default: isIgnored(scalar) ? " " : scalar
      }
    }
    return body(String(String(String.UnicodeScalarView(plain)).prefix(maximumTitleLength)))
  }

  private static func opensTag(_ scalars: [Unicode.Scalar], behind index: Int) -> Bool {
    if index + 1 < scalars.count, scalars[index + 1] == "|" || scalars[index + 1] == "\u{FF5C}" { return true }
    return matches(scalars, behind: index, angleMarks)
  }

  /// Whether one of the marks follows `index`, after any slashes, white space and invisible characters, which may also
  /// stand within it.
  private static func matches(_ scalars: [Unicode.Scalar], behind index: Int, _ marks: [[Unicode.Scalar]]) -> Bool {
    marks.contains { mark in
      var matched = 0
      var cursor = index + 1
      // Bounded, so that a long run of blanks behind each `<` of a text does not take quadratic time.
      let limit = min(scalars.count, index + 1 + 64)
      while cursor < limit, matched < mark.count {
        let scalar = scalars[cursor]
        if scalar.properties.lowercaseMapping.unicodeScalars.first == mark[matched] {
          matched += 1
        } else if !(isIgnored(scalar) || scalar.properties.isWhitespace || (matched == 0 && scalar == "/")) {
          return false
        }
        cursor += 1
      }
      // A run that reaches the limit is defused unread: whatever follows it is no plain text.
      return matched == mark.count || (cursor == limit && limit < scalars.count)
    }
  }

  private static func isIgnored(_ scalar: Unicode.Scalar) -> Bool {
    let category = scalar.properties.generalCategory
    return category == .format || category == .control || scalar.properties.isDefaultIgnorableCodePoint
  }
}
