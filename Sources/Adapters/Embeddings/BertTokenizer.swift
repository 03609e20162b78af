package import Domain

/// Splits text into the word pieces of an uncased BERT vocabulary, exactly as the reference tokenizer does.
///
/// Source: J. Devlin et al., "BERT" (arXiv:1810.04805), in the form of huggingface/tokenizers (`BertNormalizer` with
/// cleaning, CJK splitting, accent stripping and lower case; `BertPreTokenizer`; `WordPiece` with at most 100
/// characters a word). As there, the texts `[CLS]`, `[SEP]`, `[PAD]`, `[UNK]` and `[MASK]` are special tokens
/// wherever they stand.
/// A class, so that who splits a text holds the tables by one reference.
package final class BertTokenizer: TokenCounter {
  /// Words with more characters than this, after folding, become `[UNK]`.
  static let longestWord = 100

  /// The number of tokens in the vocabulary.
  let vocabularySize: Int
  private let characters = BertCharacters()
  private let trie: PieceTrie
  private let specials: [(bytes: [UInt8], identifier: Int32)]
  private let unknown: Int32
  private let first: Int32
  private let last: Int32

  /// Reads a vocabulary: one token a line, its identifier the line's number from 0.
  ///
  /// - Throws: `VocabularyFailure` if a special token is missing or a token stands there twice.
  init(vocabulary: String) throws(VocabularyFailure) {
    var lines = vocabulary.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    var trie = PieceTrie(pieces: lines.count)
    var found: [String: Int32] = [:]
    for (index, line) in lines.enumerated() {
      let identifier = Int32(truncatingIfNeeded: index)
      let token = Substring(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
      if token.utf8.first == UInt8(ascii: "["), Self.specialTokens.contains(String(token)) {
        found[String(token)] = identifier
      }
      let continues = token.utf8.count > 2 && token.utf8.starts(with: "##".utf8)
      let piece = continues ? Substring(token.utf8.dropFirst(2)).unicodeScalars : token.unicodeScalars
      let root = continues ? PieceTrie.continuation : PieceTrie.start
      guard !piece.isEmpty, trie.insert(piece, below: root, identifier: identifier) else {
        throw piece.isEmpty ? .emptyLine(index + 1) : .repeatedToken(String(token), line: index + 1)
      }
    }
    self.trie = trie
    vocabularySize = lines.count
    var specials: [(bytes: [UInt8], identifier: Int32)] = []
    for token in Self.specialTokens {
      guard let identifier = found[token] else { throw .missingToken(token) }
      specials.append((Array(token.utf8), identifier))
    }
    self.specials = specials
    unknown = specials[0].identifier
    first = specials[1].identifier
    last = specials[2].identifier
  }

  private static let specialTokens = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]

  /// The identifiers of a text between `[CLS]` and `[SEP]`, cut to `maximum` tokens with those two counted.
  package func encode(_ text: String, maximum: Int) -> [Int32] {
    var identifiers = [first]
    forEachWord(in: text) { _, word in
      append(word, to: &identifiers)
      return identifiers.count < maximum - 1
    }
    identifiers.removeLast(max(0, identifiers.count - (maximum - 1)))
    identifiers.append(last)
    return identifiers
  }

  package func count(_ text: String) -> Int {
    var total = 0
    forEachTokenizedWord(in: text) { total += $0.tokens }
    return total
  }

  package func words(in text: String) -> [TokenizedWord] {
    var words: [TokenizedWord] = []
    forEachTokenizedWord(in: text) { words.append($0) }
    return words
  }

  private func forEachTokenizedWord(in text: String, _ body: (TokenizedWord) -> Void) {
    var identifiers: [Int32] = []
    forEachWord(in: text) { range, word in
      identifiers.removeAll(keepingCapacity: true)
      append(word, to: &identifiers)
      body(TokenizedWord(range: range, tokens: identifiers.count))
      return true
    }
  }

  private func forEachWord(in text: String, _ body: (Range<Int>, BertWord) -> Bool) {
    var splitter = BertWordSplitter(characters: characters, specials: specials)
    splitter.forEachWord(in: text, body)
  }

  /// Adds the pieces of a word: the longest that fits, again and again; `[UNK]` for all of it where none does.
  private func append(_ word: BertWord, to identifiers: inout [Int32]) {
    switch word {
    case .special(let identifier):
      identifiers.append(identifier)
    case .characters(let characters):
      let before = identifiers.count
      var position = 0
      var root = PieceTrie.start
      while position < characters.count {
        guard characters.count <= Self.longestWord,
          let match = trie.longestMatch(in: characters, from: position, below: root)
        else {
          identifiers.removeLast(identifiers.count - before)
          identifiers.append(unknown)
          return
        }
        identifiers.append(match.identifier)
        position = match.end
        root = PieceTrie.continuation
      }
    }
  }
}

/// Why a vocabulary cannot be used.
package enum VocabularyFailure: Error, Hashable, CustomStringConvertible {
  /// The line, counted from 1, has no token.
  case emptyLine(Int)
  /// The token stands on an earlier line too.
  case repeatedToken(String, line: Int)
  /// A special token that every text needs is not there.
  case missingToken(String)

  /// What is wrong, for a log.
  package var description: String {
    switch self {
    case .emptyLine(let line): "line \(line) is empty"
    case .repeatedToken(let token, let line): "line \(line) repeats the token \(token)"
    case .missingToken(let token): "the token \(token) is missing"
    }
  }
}
