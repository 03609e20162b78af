/// Splits text into the words that the index knows: runs of letters, digits and private-use characters, in lower case,
/// without diacritics, stemmed. The same rules as SQLite's `porter unicode61 remove_diacritics 2`.
package enum SearchWords {
  /// The most different words of a query that are searched; further ones are ignored.
  package static let maximumQueryWords = 256

  /// The stems of a text, in order.
  package static func stems(in text: String) -> [String] { words(in: text).map(PorterStemmer.stem) }

  /// The different stems of a query, in order of first appearance.
  package static func ofQuery(_ query: String) -> [String] {
    var seen: Set<String> = []
    let stems = FunctionWords.removed(from: words(in: query)).map(PorterStemmer.stem)
    return Array(stems.filter { seen.insert($0).inserted }.prefix(maximumQueryWords))
  }

  /// The words of a text before stemming, in order.
  package static func words(in text: String) -> [String] {
    text.utf8.allSatisfy { $0 < 0x80 } ? asciiWords(in: text) : unicodeWords(in: text)
  }

  /// The same for ASCII, which most text is, many times as fast.
  private static func asciiWords(in text: String) -> [String] {
    var words: [String] = []
    var word: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): word.append(byte)
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): word.append(byte | 0x20)
      default:
        if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
        word.removeAll(keepingCapacity: true)
      }
    }
    if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
    return words
  }

  private static func unicodeWords(in text: String) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    func endWord() {
      if !word.isEmpty { words.append(String(word).lowercased()) }
      word.removeAll()
    }
    for scalar in text.canonicallyDecomposed.unicodeScalars {
      switch scalar.properties.generalCategory {
      case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
        .letterNumber, .otherNumber, .privateUse:
        word.append(scalar)
      case .nonspacingMark where !word.isEmpty:
        continue
      default:
        endWord()
      }
    }
    endWord()
    return words
  }
}
