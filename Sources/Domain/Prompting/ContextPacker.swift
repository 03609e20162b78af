/// Chooses which passages a model gets: the best ones that fit a budget of tokens, none of them twice.
package enum ContextPacker {
  /// The passages that fit, best first, numbered from 1.
  ///
  /// Passages of one revision whose offsets overlap become one source over the union of their bytes, under the chunk
  /// of the better one. A text that is already there word for word, from whichever document, is dropped. A passage
  /// that does not fit is passed over for a later, smaller one; only the best is cut at a word's end instead, so that
  /// a budget smaller than a chunk still gives a source.
  ///
  /// - Parameters:
  ///   - hits: the passages, best first.
  ///   - budget: the tokens of all texts together, in the counter's tokens; 0 or less gives no sources.
  ///   - maximumSources: the most sources.
  package static func pack(
    _ hits: [SearchHit], budget: Int, maximumSources: Int = .max, counter: any TokenCounter
  ) -> [Source] {
    var spans: [Span] = []
    var left = budget
    for hit in hits where left > 0 {
      guard let span = Span(hit.passage, counter: counter), !spans.contains(where: { $0.holds(span) }) else { continue }
      if let (index, merged) = merge(span, into: spans, counter: counter) {
        let added = merged.tokens - index.reduce(0) { $0 + spans[$1].tokens }
        guard added <= left else { continue }
        left -= added
        spans[index[0]] = merged
        for extra in index.dropFirst().reversed() { spans.remove(at: extra) }
      } else if spans.count < maximumSources {
        guard let fitting = span.tokens <= left ? span : spans.isEmpty ? span.cut(to: left, counter: counter) : nil
        else { continue }
        left -= fitting.tokens
        spans.append(fitting)
      }
    }
    return spans.enumerated().map { index, span in span.source(marker: index + 1) }
  }

  /// Joins a span with those of the same revision that it overlaps; answers with their places, ascending, and the
  /// union, or with `nil` when it overlaps none.
  private static func merge(
    _ span: Span, into spans: [Span], counter: any TokenCounter
  ) -> (places: [Int], union: Span)? {
    let places = spans.indices.filter { spans[$0].overlaps(span) }
    guard let first = places.first else { return nil }
    // By start, so that each joins the bytes so far without a gap.
    let parts = (places.map { spans[$0] } + [span]).sorted { ($0.start, $0.end) < ($1.start, $1.end) }
    var bytes: [UInt8] = []
    let start = parts[0].start
    for part in parts where part.end > start + bytes.count {
      bytes += part.bytes.dropFirst(start + bytes.count - part.start)
    }
    let pages = parts.compactMap(\.pages)
    let union = pages.first.map { pages.dropFirst().reduce($0) { $0.union($1) } }
    return (places, Span(spans[first].passage, start: start, bytes: bytes, pages: union, counter: counter))
  }
}

/// A stretch of a revision's text on its way to becoming a source.
private struct Span {
  let passage: Passage
  let start: Int
  let bytes: [UInt8]
  let pages: PageSpan?
  let tokens: Int

  var end: Int { start + bytes.count }

  init(_ passage: Passage, start: Int, bytes: [UInt8], pages: PageSpan?, counter: any TokenCounter) {
    self.passage = passage
    self.start = start
    self.bytes = bytes
    self.pages = pages
    tokens = counter.count(String(decoding: bytes, as: UTF8.self))
  }

  /// The whole of a passage; `nil` when its text is empty or is not as long as its offsets say.
  init?(_ passage: Passage, counter: any TokenCounter) {
    let chunk = passage.chunk
    let bytes = Array(chunk.text.utf8)
    guard !bytes.isEmpty, bytes.count == chunk.endOffset - chunk.startOffset else { return nil }
    self.init(passage, start: chunk.startOffset, bytes: bytes, pages: chunk.pages, counter: counter)
  }

  /// Whether the other says nothing beyond this: it lies within, or has the same text.
  func holds(_ other: Span) -> Bool {
    bytes == other.bytes
      || (passage.revisionID == other.passage.revisionID && start <= other.start && other.end <= end)
  }

  func overlaps(_ other: Span) -> Bool {
    passage.revisionID == other.passage.revisionID && start < other.end && other.start < end
  }

  /// The first words, as many as the budget has room for; `nil` when that is none.
  func cut(to budget: Int, counter: any TokenCounter) -> Span? {
    var used = 0
    var length = 0
    for word in counter.words(in: String(decoding: bytes, as: UTF8.self)) {
      used += word.tokens
      guard used <= budget else { break }
      length = word.range.upperBound
    }
    guard length > 0 else { return nil }
    return Span(passage, start: start, bytes: Array(bytes.prefix(length)), pages: pages, counter: counter)
  }

  func source(marker: Int) -> Source {
    Source(
      marker: marker, documentID: passage.documentID, revisionID: passage.revisionID, chunkID: passage.chunk.id,
      title: passage.title, text: String(decoding: bytes, as: UTF8.self), startOffset: start, endOffset: end,
      submittedBy: passage.submittedBy, approvedBy: passage.approvedBy, pages: pages)
  }
}
