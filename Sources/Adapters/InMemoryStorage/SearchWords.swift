import Domain
import Foundation

/// Splits text into the words that the index knows: runs of letters, digits and private-use characters, in lower case,
/// without diacritics, stemmed. The same rules as SQLite's `porter unicode61 remove_diacritics 2`.
enum SearchWords {
  /// The most different words of a query that are searched; further ones are ignored.
  static let maximumQueryWords = 256

  /// The stems of a text, in order.
  static func stems(in text: String) -> [String] { words(in: text).map(PorterStemmer.stem) }

  /// The different stems of a query, in order of first appearance.
  static func ofQuery(_ query: String) -> [String] {
    var seen: Set<String> = []
    let stems = FunctionWords.removed(from: words(in: query)).map(PorterStemmer.stem)
    return Array(stems.filter { seen.insert($0).inserted }.prefix(maximumQueryWords))
  }

  private static func words(in text: String) -> [String] {
    var words: [String] = []
    var word = String.UnicodeScalarView()
    func endWord() {
      if !word.isEmpty { words.append(String(word).lowercased()) }
      word.removeAll()
    }
    for scalar in text.decomposedStringWithCanonicalMapping.unicodeScalars {
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
