/// Measures text in the embedder's own tokens.
package protocol TokenCounter: Sendable {
  /// The tokens of a text, special tokens not counted.
  func count(_ text: String) -> Int

  /// Where each word of the text lies, in UTF-8 bytes, and how many tokens it takes; in order, without white space.
  func words(in text: String) -> [TokenizedWord]
}

/// A word of a text and its size in tokens.
package struct TokenizedWord: Hashable, Sendable {
  /// Where it lies, in UTF-8 bytes.
  package let range: Range<Int>
  /// How many tokens it becomes, at least 1.
  package let tokens: Int

  /// Makes a measured word.
  package init(range: Range<Int>, tokens: Int) {
    self.range = range
    self.tokens = tokens
  }
}
