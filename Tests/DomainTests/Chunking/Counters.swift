import Domain

/// One token for each word between white space.
struct SpacedWordCounter: TokenCounter {
  func count(_ text: String) -> Int { words(in: text).count }

  func words(in text: String) -> [TokenizedWord] {
    let bytes = Array(text.utf8)
    return RandomText.contentIndices(of: bytes).reduce(into: [TokenizedWord]()) { words, index in
      if let last = words.last, last.range.upperBound == index {
        words[words.count - 1] = TokenizedWord(range: last.range.lowerBound..<(index + 1), tokens: 1)
      } else {
        words.append(TokenizedWord(range: index..<(index + 1), tokens: 1))
      }
    }
  }
}

/// One token for each scalar, as a vocabulary of characters gives.
struct ScalarCounter: TokenCounter {
  func count(_ text: String) -> Int { words(in: text).reduce(0) { $0 + $1.tokens } }

  func words(in text: String) -> [TokenizedWord] {
    SpacedWordCounter().words(in: text).map { word in
      let scalars = String(decoding: Array(text.utf8)[word.range], as: UTF8.self).unicodeScalars.count
      return TokenizedWord(range: word.range, tokens: scalars)
    }
  }
}

/// Knows ASCII words only and leaves everything else out, as a vocabulary may.
struct DroppingCounter: TokenCounter {
  func count(_ text: String) -> Int { words(in: text).count }

  func words(in text: String) -> [TokenizedWord] {
    let bytes = Array(text.utf8)
    return bytes.indices.filter { bytes[$0] > 0x20 && bytes[$0] < 0x7F }.map {
      TokenizedWord(range: $0..<($0 + 1), tokens: 1)
    }
  }
}

/// Breaks the contract: words that overlap, tear scalars, hold white space and end beyond the text.
struct TornCounter: TokenCounter {
  func count(_ text: String) -> Int { words(in: text).count }

  func words(in text: String) -> [TokenizedWord] {
    stride(from: 0, to: text.utf8.count + 5, by: 5).map { TokenizedWord(range: $0..<($0 + 7), tokens: 0) }
  }
}

extension ExtractedText {
  /// Paragraphs parted by blank lines.
  static func of(paragraphs: [String]) -> ExtractedText { of(paragraphs.map { (.paragraph, $0) }) }

  /// Blocks parted by blank lines.
  static func of(_ parts: [(kind: TextBlock.Kind, text: String)]) -> ExtractedText {
    var text = ""
    var blocks: [TextBlock] = []
    for part in parts {
      if !text.isEmpty { text += "\n\n" }
      let start = text.utf8.count
      text += part.text
      blocks.append(TextBlock(kind: part.kind, range: start..<text.utf8.count))
    }
    return ExtractedText(text: text, title: nil, blocks: blocks)
  }

  /// A text cut at random scalars into blocks of random kinds, some bytes left between them.
  static func randomBlocks(of text: String, using generator: inout SplitMix64) -> ExtractedText {
    let kinds: [TextBlock.Kind] = [
      .paragraph, .paragraph, .listItem, .code, .table, .quote, .heading(level: 1), .heading(level: 2),
    ]
    var boundaries = [0]
    for scalar in text.unicodeScalars { boundaries.append(boundaries[boundaries.count - 1] + UTF8.width(scalar)) }
    var blocks: [TextBlock] = []
    var index = 0
    while index < boundaries.count - 1 {
      let end = min(index + Int.random(in: 1...600, using: &generator), boundaries.count - 1)
      blocks.append(
        TextBlock(kind: kinds.randomElement(using: &generator) ?? .code, range: boundaries[index]..<boundaries[end])
      )
      index = end + Int.random(in: 0...4, using: &generator)
    }
    return ExtractedText(text: text, title: nil, blocks: blocks)
  }
}
