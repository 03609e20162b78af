/// A mark that may end a sentence.
enum Stop: Equatable {
  /// `.`, which also ends abbreviations and stands in numbers and names.
  case period
  /// `!`, `?` and their doubled forms: an end where white space follows.
  case mark
  /// `…`
  case ellipsis
  /// A stop that has no other use, so that it ends a sentence whatever follows: those of Chinese, Japanese, Arabic,
  /// Urdu, Hindi, Armenian, Amharic, Burmese and Khmer.
  case full

  init?(_ value: UInt32) {
    switch value {
    case 0x2E: self = .period
    case 0x21, 0x3F, 0x203C, 0x203D, 0x2047, 0x2048, 0x2049: self = .mark
    case 0x2026: self = .ellipsis
    case 0x3002, 0xFF01, 0xFF1F, 0xFF61, 0x061F, 0x06D4, 0x0964, 0x0965, 0x0589, 0x1362, 0x104B, 0x17D4: self = .full
    default: return nil
    }
  }
}

/// Stops that follow each other without a gap, such as `?!` or `...`.
struct StopRun {
  let start: Int
  var end: Int
  private(set) var isFull = false
  private(set) var hasMark = false
  private(set) var periods = 0
  private(set) var hasEllipsis = false

  init(start: Int, end: Int) {
    self.start = start
    self.end = end
  }

  mutating func add(_ stop: Stop, length: Int) {
    end += length
    switch stop {
    case .period: periods += 1
    case .mark: hasMark = true
    case .ellipsis: hasEllipsis = true
    case .full: isFull = true
    }
  }

  /// Whether it is one period and nothing else.
  var isLonePeriod: Bool { periods == 1 && !isFull && !hasMark && !hasEllipsis }
}

extension SentenceScanner {
  /// How far the words around a stop are looked at, in bytes: enough for the longest entry of the lists.
  private static let reach = 24

  /// Whether a sentence ends with the run, whose closing quotes and brackets end at `after`.
  func ends(_ run: StopRun, closedAt after: Int) -> Bool {
    if run.isFull || after >= end { return true }
    let following = bytes.scalar(at: after).value
    guard ScalarClass.isWhiteSpace(following) else { return run.hasMark && ScalarClass.isEastAsian(following) }
    let next = nextWordStart(from: after)
    guard next < end else { return true }
    let isLower = ScalarClass.isLowercase(bytes.scalar(at: next).value)
    if run.hasMark { return !(isLower && after > run.end) }
    guard run.isLonePeriod, after == run.end else { return !isLower }
    return periodEnds(at: run.start, next: next, isLower: isLower)
  }

  /// Skips quotes and brackets that close, emphasis marks and note marks such as `[12]`.
  func skippingClosers(from index: Int) -> Int {
    var cursor = index
    while cursor < end {
      let scalar = bytes.scalar(at: cursor)
      switch scalar.value {
      case 0x22, 0x27, 0x29, 0x2A, 0x5D, 0x5F, 0x60, 0x7D, 0xBB, 0x2019, 0x201D, 0x203A, 0x300B, 0x300D, 0x300F, 0x3011,
        0x3009, 0x3015, 0xFF09, 0xFF3D:
        cursor += scalar.length
      case 0x5B:
        var mark = cursor + 1
        while mark - cursor < 5, let digit = byte(at: mark), (0x30...0x39).contains(digit) { mark += 1 }
        guard mark > cursor + 1, byte(at: mark) == UInt8(ascii: "]") else { return cursor }
        cursor = mark + 1
      default: return cursor
      }
    }
    return cursor
  }

  /// Where the next word begins, behind white space and what opens: quotes, brackets, emphasis, `¿`, `¡`.
  private func nextWordStart(from index: Int) -> Int {
    var cursor = index
    var openers = 0
    while cursor < end, openers < 8 {
      let scalar = bytes.scalar(at: cursor)
      switch scalar.value {
      case 0x22, 0x27, 0x28, 0x2A, 0x5B, 0x5F, 0x60, 0x7B, 0xA1, 0xAB, 0xBF, 0x2018, 0x201C, 0x201E, 0x2039:
        openers += 1
      case let value where ScalarClass.isWhiteSpace(value): break
      default: return cursor
      }
      cursor += scalar.length
    }
    return cursor
  }

  /// Whether a single period ends a sentence, by the words before and after it.
  private func periodEnds(at period: Int, next: Int, isLower: Bool) -> Bool {
    let before = word(before: period)
    // "slipstream . an experimental": a period that stands alone is no part of an abbreviation.
    guard let firstByte = before.first else { return true }
    let text = String(decoding: before, as: UTF8.self)
    let key = text.lowercased()
    let nextValue = bytes.scalar(at: next).value
    let nextIsDigit = (0x30...0x39).contains(nextValue)

    if before.allSatisfy({ (0x30...0x39).contains($0) }) {
      // "1. Item" at the start is a number, "am 3. Oktober" a date.
      let atStart = bytes.trimmingWhiteSpace(start..<period).count == before.count
      return !atStart && !isLower && !Abbreviations.germanMonths.contains(word(from: next))
    }
    if Abbreviations.neverEnd.contains(key) { return false }
    if Abbreviations.beforeNumbers.contains(key), nextIsDigit { return false }
    if isLower {
      // Text without capitals is cut too, but an unknown short word may be an abbreviation.
      return text.count >= 4 && !text.contains(".") && !Abbreviations.mayEnd.contains(key)
    }
    if text.count == 1 {
      let isInitial = ScalarClass.isUppercase(UInt32(firstByte)) || firstByte >= 0x80
      return !(isInitial && text != "I" && ScalarClass.isUppercase(nextValue))
    }
    if Abbreviations.endBeforeCapital.contains(key) { return ScalarClass.isUppercase(nextValue) }
    if Abbreviations.mayEnd.contains(key) || Self.isDotted(before) {
      return Abbreviations.starters.contains(word(from: next))
    }
    return true
  }

  /// Whether single letters are parted by periods, as in `U.S` or `p.m`.
  private static func isDotted(_ word: ArraySlice<UInt8>) -> Bool {
    let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count > 1 && parts.allSatisfy { (1...2).contains($0.count) }
  }

  /// The word that ends right before `index`, without what opens before it; only its last ``reach`` bytes are read.
  private func word(before index: Int) -> ArraySlice<UInt8> {
    var lower = index
    while lower > start, let scalar = bytes.scalar(before: lower), lower - scalar.length >= start,
      index - lower < Self.reach, !ScalarClass.isWhiteSpace(scalar.value)
    {
      lower -= scalar.length
    }
    let openers: Set<UInt8> = [0x22, 0x27, 0x28, 0x2A, 0x5B, 0x5F, 0x7B]
    return bytes[lower..<index].drop { openers.contains($0) }
  }

  /// The ASCII letters from `index` on, in lower case, at most ``reach``; empty when it is another script's word.
  private func word(from index: Int) -> String {
    var cursor = index
    while let byte = byte(at: cursor), cursor - index < Self.reach, (0x61...0x7A).contains(byte | 0x20) { cursor += 1 }
    if let byte = byte(at: cursor), byte >= 0x80 { return "" }
    return String(decoding: bytes[index..<cursor], as: UTF8.self).lowercased()
  }
}
