/// Estimates tokens where no model's vocabulary is at hand.
///
/// The rule: white space parts words; each East Asian character and each ASCII punctuation mark is a word of one token;
/// any other word takes one token for every four UTF-8 bytes begun, which is close to what word-piece vocabularies
/// give for English prose.
package struct ApproximateTokenCounter: TokenCounter {
  /// UTF-8 bytes of a word for one token.
  package static let bytesPerToken = 4

  /// Makes a counter.
  package init() {}

  /// The tokens of a text.
  package func count(_ text: String) -> Int {
    words(in: text).reduce(0) { $0 + $1.tokens }
  }

  /// The words of a text, in time linear in its length.
  package func words(in text: String) -> [TokenizedWord] {
    let bytes = Array(text.utf8)
    var words: [TokenizedWord] = []
    words.reserveCapacity(bytes.count / 5)
    var start = 0
    func endWord(at end: Int) {
      guard end > start else { return }
      words.append(
        TokenizedWord(range: start..<end, tokens: (end - start + Self.bytesPerToken - 1) / Self.bytesPerToken)
      )
    }
    var index = 0
    while index < bytes.count {
      let scalar = bytes.scalar(at: index)
      let next = index + scalar.length
      if ScalarClass.isWhiteSpace(scalar.value) {
        endWord(at: index)
        start = next
      } else if Self.isPunctuation(scalar.value) || ScalarClass.isEastAsian(scalar.value) {
        endWord(at: index)
        words.append(TokenizedWord(range: index..<next, tokens: 1))
        start = next
      }
      index = next
    }
    endWord(at: bytes.count)
    return words
  }

  private static func isPunctuation(_ value: UInt32) -> Bool {
    switch value {
    case 0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E: true
    default: false
    }
  }
}
