/// The pages that a stretch of a text lies on, counted from 1 by their place in the file, whatever is printed on them.
package struct PageSpan: Hashable, Sendable {
  /// The page that the stretch starts on.
  package let first: Int
  /// The page that it ends on, not before ``first``.
  package let last: Int

  /// Makes a span; `nil` unless both pages are there and in order.
  package init?(first: Int?, last: Int?) {
    guard let first, let last, 1 <= first, first <= last else { return nil }
    self.first = first
    self.last = last
  }

  private init(_ first: Int, _ last: Int) {
    self.first = first
    self.last = last
  }

  /// All pages from the first of both to the last of both.
  package func union(_ other: PageSpan) -> PageSpan {
    PageSpan(min(first, other.first), max(last, other.last))
  }

  /// As it stands beside a title: `p. 3`, or `pp. 3–4`.
  package var label: String { first == last ? "p. \(first)" : "pp. \(first)–\(last)" }
}

extension ExtractedText {
  /// The pages that a stretch of the text lies on, found in logarithmic time; `nil` where the text has no pages.
  ///
  /// - Parameter range: in UTF-8 bytes, not empty.
  package func pages(of range: Range<Int>) -> PageSpan? {
    PageSpan(first: page(at: range.lowerBound), last: page(at: range.upperBound - 1))
  }

  /// The page that holds the byte at `offset`: the last that begins there or before, so that one without text is no
  /// byte's.
  private func page(at offset: Int) -> Int? {
    var lower = 0
    var upper = pageStarts.count
    while lower < upper {
      let middle = (lower + upper) / 2
      if pageStarts[middle] <= offset { lower = middle + 1 } else { upper = middle }
    }
    return lower > 0 ? lower : nil
  }
}
