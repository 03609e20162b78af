/// A passage that was given to a model under a marker, and where it came from.
package struct Source: Hashable, Sendable {
  /// The number the model cites it by, from 1; the text has it in brackets: `[1]`.
  package let marker: Int
  /// The document.
  package let documentID: DocumentID
  /// The revision that the offsets are of.
  package let revisionID: RevisionID
  /// The chunk.
  package let chunkID: ChunkID
  /// The document's title.
  package let title: String
  /// Exactly the bytes `startOffset..<endOffset` of the revision's text.
  package let text: String
  /// Where the passage starts in the revision's text, in UTF-8 bytes.
  package let startOffset: Int
  /// Where it ends, exclusive.
  package let endOffset: Int
  /// Who submitted it: a display name.
  package let submittedBy: String
  /// Who approved it: a display name.
  package let approvedBy: String
  /// The pages that the passage lies on, and a quote of it on one or more of them; `nil` for formats without pages.
  package let pages: PageSpan?

  /// Makes a source of its parts.
  package init(
    marker: Int, documentID: DocumentID, revisionID: RevisionID, chunkID: ChunkID, title: String, text: String,
    startOffset: Int, endOffset: Int, submittedBy: String, approvedBy: String, pages: PageSpan? = nil
  ) {
    self.marker = marker
    self.documentID = documentID
    self.revisionID = revisionID
    self.chunkID = chunkID
    self.title = title
    self.text = text
    self.startOffset = startOffset
    self.endOffset = endOffset
    self.submittedBy = submittedBy
    self.approvedBy = approvedBy
    self.pages = pages
  }
}

extension Source {
  /// Whether `quote` is a span of this source: the same revision and chunk, and exactly the bytes at its offsets.
  package func contains(_ quote: Source) -> Bool {
    guard quote.revisionID == revisionID, quote.chunkID == chunkID, quote.startOffset >= startOffset,
      quote.startOffset < quote.endOffset, quote.endOffset <= endOffset
    else { return false }
    let bytes = text.utf8.dropFirst(quote.startOffset - startOffset).prefix(quote.endOffset - quote.startOffset)
    return bytes.elementsEqual(quote.text.utf8)
  }
}

/// A marker in a reply that the server has checked: it names a source that was given to the model.
package struct Citation: Hashable, Sendable {
  /// The source that it names, with its offsets narrowed to the quoted sentence where the model says which.
  package let source: Source

  /// Wraps a checked source.
  package init(source: Source) { self.source = source }
}

/// Finds citation markers in a reply and keeps those that name a given source.
package enum CitationCheck {
  /// The most digits of a marker; longer numbers in brackets are text.
  static let maximumDigits = 4

  /// The markers in a reply, in order of first appearance and each once: `[1]`, `[2, 3]` and `[1][4]` are read,
  /// `[x]`, `[1](link)` and code are the text that they are.
  package static func markers(in reply: String) -> [Int] {
    var found: [Int] = []
    for occurrence in occurrences(in: reply) {
      for number in occurrence.numbers where !found.contains(number) { found.append(number) }
    }
    return found
  }

  /// Where the markers of a reply stand: the numbers in one pair of brackets, and the bytes of UTF-8 that it takes.
  package static func occurrences(in reply: String) -> [(numbers: [Int], range: Range<Int>)] {
    var found: [(numbers: [Int], range: Range<Int>)] = []
    let bytes = Array(reply.utf8)
    var index = 0
    var inFence = false
    var inCode = false
    while index < bytes.count {
      let byte = bytes[index]
      if byte == UInt8(ascii: "`") {
        var run = 0
        while index + run < bytes.count, bytes[index + run] == UInt8(ascii: "`") { run += 1 }
        if run >= 3 { inFence.toggle() } else if !inFence { inCode.toggle() }
        index += run
        continue
      }
      if byte == UInt8(ascii: "\n") { inCode = false }
      guard byte == UInt8(ascii: "["), !inFence, !inCode, let (numbers, end) = numberList(bytes, from: index + 1),
        !(end < bytes.count && bytes[end] == UInt8(ascii: "("))
      else {
        index += 1
        continue
      }
      found.append((numbers, index..<end))
      index = end
    }
    return found
  }

  /// A reply without its markers, and without the blank before each.
  package static func withoutMarkers(_ reply: String) -> String {
    var bytes = Array(reply.utf8)
    for occurrence in occurrences(in: reply).reversed() {
      let start = occurrence.range.lowerBound
      let hasBlank = start > 0 && bytes[start - 1] == UInt8(ascii: " ")
      bytes.removeSubrange((hasBlank ? start - 1 : start)..<occurrence.range.upperBound)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The citations of a reply, in the order of their markers; a marker that names no source is dropped.
  ///
  /// Where `quotes` narrows a marker to spans of its source, each span is a citation of its own; a quote that is not
  /// exactly those bytes of the source is ignored.
  package static func citations(in reply: String, sources: [Source], quotes: [Source] = []) -> [Citation] {
    let byMarker = Dictionary(sources.map { ($0.marker, $0) }, uniquingKeysWith: { first, _ in first })
    return markers(in: reply).flatMap { marker -> [Citation] in
      guard let source = byMarker[marker] else { return [] }
      let narrowed = quotes.filter { $0.marker == marker && source.contains($0) }
      return (narrowed.isEmpty ? [source] : narrowed).map(Citation.init)
    }
  }

  /// Reads `1]` or `1, 2]` and answers with the numbers and the index behind the bracket.
  private static func numberList(_ bytes: [UInt8], from start: Int) -> ([Int], Int)? {
    var numbers: [Int] = []
    var index = start
    while true {
      while index < bytes.count, bytes[index] == UInt8(ascii: " ") { index += 1 }
      var value = 0
      var digits = 0
      while index < bytes.count, (48...57).contains(bytes[index]), digits <= maximumDigits {
        value = value * 10 + Int(bytes[index] - 48)
        digits += 1
        index += 1
      }
      guard digits > 0, digits <= maximumDigits else { return nil }
      numbers.append(value)
      while index < bytes.count, bytes[index] == UInt8(ascii: " ") { index += 1 }
      guard index < bytes.count else { return nil }
      if bytes[index] == UInt8(ascii: "]") { return (numbers, index + 1) }
      guard bytes[index] == UInt8(ascii: ",") else { return nil }
      index += 1
    }
  }
}
