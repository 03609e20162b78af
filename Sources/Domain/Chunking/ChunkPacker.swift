/// Packs the blocks of a text, section by section, into stretches of at most the chunk's size.
struct ChunkPacker {
  /// A chunk filled to a quarter is closed rather than filled up with half a paragraph.
  private static let fillDivisor = 4

  private let text: MeasuredText
  private let overlapTokens: Int
  private let worthClosing: Int
  /// The parts of the open chunk, as unit ranges: first what it repeats, then what is new.
  private var parts: [Range<Int>] = []
  private var repeated = 0
  private var packed: [Range<Int>] = []
  /// The first unit that no block had so far.
  private var nextUnit = 0

  init(text: MeasuredText, overlapTokens: Int, maximumTokens: Int) {
    self.text = text
    self.overlapTokens = overlapTokens
    worthClosing = maximumTokens / Self.fillDivisor
  }

  /// The byte ranges of the next section's chunks, in order.
  mutating func pack(_ section: Section) -> [Range<Int>] {
    for block in section.blocks {
      let units = text.units(touching: block.range)
      // A unit that two blocks share belongs to the first.
      let fresh = max(units.lowerBound, nextUnit)..<max(units.upperBound, nextUnit)
      guard !fresh.isEmpty else { continue }
      nextUnit = fresh.upperBound
      add(block, units: fresh)
    }
    close()
    defer { (packed, parts, repeated) = ([], [], 0) }
    return packed
  }

  private mutating func add(_ block: TextBlock, units: Range<Int>) {
    let parts = BlockCutter(text: text).parts(of: block, units: units)
    let isHeading = if case .heading = block.kind { true } else { false }
    if !isHeading, !takes(units), text.fits(units), newTokens >= worthClosing { close() }
    for part in parts {
      if !takes(part) { close() }
      append(part)
    }
  }

  /// The tokens of the open chunk that are not repeated from the one before.
  private var newTokens: Int {
    guard repeated < parts.count, let last = parts.last else { return 0 }
    return text.tokens(parts[repeated].lowerBound..<last.upperBound)
  }

  private func takes(_ units: Range<Int>) -> Bool {
    guard repeated < parts.count, let first = parts.first else { return true }
    return text.fits(first.lowerBound..<units.upperBound)
  }

  private mutating func append(_ part: Range<Int>) {
    if repeated == parts.count {
      // The first new part: it matters more than what is repeated.
      while let first = parts.first, !text.fits(first.lowerBound..<part.upperBound) {
        parts.removeFirst()
        repeated -= 1
      }
    }
    parts.append(part)
  }

  /// Ends the open chunk, and keeps its last parts for the next one to repeat.
  private mutating func close() {
    guard repeated < parts.count, let first = parts.first, let last = parts.last else { return }
    packed.append(text.byteRange(first.lowerBound..<last.upperBound))
    var kept = parts.count
    while kept > 1, text.tokens(parts[kept - 1].lowerBound..<last.upperBound) <= overlapTokens { kept -= 1 }
    parts.removeFirst(kept)
    repeated = parts.count
  }
}

/// Cuts a block into parts that each fit into a chunk.
struct BlockCutter {
  let text: MeasuredText

  /// The sentences or lines of a block, as unit ranges; those that are too long cut further.
  func parts(of block: TextBlock, units: Range<Int>) -> [Range<Int>] {
    let starts =
      switch block.kind {
      case .code, .table, .record: lineStarts(in: text.byteRange(units))
      default: SentenceSplitter.ranges(in: text.bytes, within: text.byteRange(units)).map(\.lowerBound)
      }
    var parts: [Range<Int>] = []
    cut(units, at: starts.map(text.firstUnit)) { sentence in
      guard !text.fits(sentence) else { return parts.append(sentence) }
      cut(sentence, at: sentence.filter(text.hasSpaceBefore)) { run in
        if text.fits(run) { parts.append(run) } else { parts += run.map { $0..<($0 + 1) } }
      }
    }
    return parts
  }

  /// Calls `body` with the stretches between the cuts, which are in order.
  private func cut(_ units: Range<Int>, at cuts: [Int], _ body: (Range<Int>) -> Void) {
    var start = units.lowerBound
    for cut in cuts where cut > start && cut < units.upperBound {
      body(start..<cut)
      start = cut
    }
    body(start..<units.upperBound)
  }

  private func lineStarts(in range: Range<Int>) -> [Int] {
    range.filter { $0 > range.lowerBound && text.bytes[$0 - 1] == UInt8(ascii: "\n") }
  }
}
