import Application
import Domain

/// A sentence of a source that may become a part of an answer.
struct SourceSentence: Sendable {
  /// The longest sentence in bytes; what has no full stops (tables, logs) is cut at white space.
  static let maximumLength = 480
  /// The shortest in terms: less is a heading, a label or a scrap.
  private static let minimumTerms = 2

  /// The source that it is of.
  let source: Source
  /// Where it lies in the source's text, in UTF-8 bytes.
  let range: Range<Int>
  /// Exactly those bytes.
  let text: String
  /// Its terms in order.
  let terms: [String]
  /// Whether the sentence goes on before or after, because it was too long for one.
  let isCut: (before: Bool, after: Bool)

  /// The source narrowed to the sentence.
  var quote: Source {
    Source(
      marker: source.marker, documentID: source.documentID, revisionID: source.revisionID, chunkID: source.chunkID,
      title: source.title, text: text, startOffset: source.startOffset + range.lowerBound,
      endOffset: source.startOffset + range.upperBound, submittedBy: source.submittedBy, approvedBy: source.approvedBy,
      pages: source.pages)
  }

  /// The sentence as it is shown: white space collapsed, a cut marked by `…`, and no bracketed number that would read
  /// as a citation (a word joiner, which is not seen, follows the bracket).
  var shown: String {
    let line = text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    let marked = (isCut.before ? "… " : "") + line + (isCut.after ? " …" : "")
    return marked.replacing(#/\[(?=\s*\d)/#) { _ in "[\u{2060}" }
  }

  /// The sentences of all sources, in order, each text once.
  static func all(in sources: [Source]) -> [SourceSentence] {
    var seen: Set<[String]> = []
    return sources.flatMap { source in
      let bytes = Array(source.text.utf8)
      return SentenceSplitter.ranges(in: source.text).flatMap { pieces(of: $0, in: bytes, source) }
    }.filter { seen.insert($0.terms).inserted }
  }

  private static func pieces(of sentence: Range<Int>, in bytes: [UInt8], _ source: Source) -> [SourceSentence] {
    let body = withoutMarks(sentence, in: bytes)
    // A heading names what follows and says nothing itself.
    guard !body.isEmpty, bytes[sentence.lowerBound] != UInt8(ascii: "#") else { return [] }
    var pieces: [SourceSentence] = []
    var start = body.lowerBound
    while start < body.upperBound {
      let end = cut(start..<body.upperBound, in: bytes)
      let range = bytes.trimmingWhiteSpace(start..<end)
      let text = String(decoding: bytes[range], as: UTF8.self)
      let terms = TermSet.terms(in: text)
      if terms.count >= minimumTerms, !breaksMarkdown(text) {
        pieces.append(
          SourceSentence(
            source: source, range: range, text: text, terms: terms,
            isCut: (start > body.lowerBound, end < body.upperBound)))
      }
      start = end
    }
    return pieces
  }

  /// Where a range ends that is at most ``maximumLength`` long: behind white space if any is in its second half, else
  /// at a scalar's boundary.
  private static func cut(_ range: Range<Int>, in bytes: [UInt8]) -> Int {
    guard range.count > maximumLength else { return range.upperBound }
    let limit = range.lowerBound + maximumLength
    var end = limit
    while end > range.lowerBound + maximumLength / 2 {
      if bytes[end - 1] == 0x20 || bytes[end - 1] == 0x0A || bytes[end - 1] == 0x09 { return end }
      end -= 1
    }
    end = limit
    while bytes[end] & 0xC0 == 0x80 { end -= 1 }
    return end
  }

  /// A sentence without the Markdown marks of a list item or quotation before it.
  private static func withoutMarks(_ range: Range<Int>, in bytes: [UInt8]) -> Range<Int> {
    var rest = range
    while let first = rest.first, rest.count > 1 {
      let mark = bytes[first]
      var length = 0
      if "-*+>".utf8.contains(mark) { length = 1 }
      let digits = rest.prefix(3).prefix { (48...57).contains(bytes[$0]) }.count
      if digits > 0, rest.count > digits + 1, ".)".utf8.contains(bytes[first + digits]) { length = digits + 1 }
      guard length > 0, first + length < rest.upperBound, bytes[first + length] == 0x20 else { break }
      rest = bytes.trimmingWhiteSpace((first + length)..<rest.upperBound)
    }
    return rest
  }

  /// Whether code marks in it would run on into what follows, and hide its citation.
  private static func breaksMarkdown(_ text: String) -> Bool {
    text.contains("```") || text.split(separator: "`", omittingEmptySubsequences: false).count % 2 == 0
  }
}
