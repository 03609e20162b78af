import Domain

/// Turns any text into a query of the word index.
enum LexicalQuery {
  /// The most different words that are searched; further ones are ignored.
  static let maximumWords = 256

  /// A query that finds chunks with at least one of the text's words; `nil` when it has none.
  ///
  /// Each word is quoted and holds only letters, digits, private-use characters and marks, so that nothing of the text
  /// is read as syntax. https://sqlite.org/fts5.html#full_text_query_syntax
  static func match(_ text: String) -> String? {
    let words = FunctionWords.removed(from: words(in: text))
    return words.isEmpty ? nil : words.prefix(maximumWords).map { "\"\($0)\"" }.joined(separator: " OR ")
  }

  /// The different words in lower case, in order; what is a character of a word is what the index's tokenizer
  /// `unicode61` says.
  private static func words(in text: String) -> [String] {
    var words: [String] = []
    var seen: Set<String> = []
    var word = String.UnicodeScalarView()
    func endWord() {
      let text = String(word).lowercased()
      if !text.isEmpty, seen.insert(text).inserted { words.append(text) }
      word.removeAll()
    }
    for scalar in text.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
        .letterNumber, .otherNumber, .privateUse:
        word.append(scalar)
      case .nonspacingMark where !word.isEmpty:
        word.append(scalar)
      default:
        endWord()
      }
    }
    endWord()
    return words
  }
}
