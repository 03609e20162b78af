import Domain

/// 16 bytes that name a trace; never all zero.
package struct TraceID: Hashable, Sendable, CustomStringConvertible {
  private let high: UInt64
  private let low: UInt64

  /// Takes 16 bytes; `nil` for another number or all zero.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == 16, bytes.contains(where: { $0 != 0 }) else { return nil }
    high = bytes[0..<8].reduce(0) { $0 << 8 | UInt64($1) }
    low = bytes[8..<16].reduce(0) { $0 << 8 | UInt64($1) }
  }

  private init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }

  /// A new one.
  package static func random() -> TraceID { TraceID(high: SpreadSequence.next(), low: SpreadSequence.nextAboveZero()) }

  /// Whether it is among a share of all ids, 0 to 1, by its last 7 bytes, which are random (W3C Trace Context, level 2).
  func isAmong(_ ratio: Double) -> Bool { Double(low & 0xFF_FFFF_FFFF_FFFF) < ratio * 0x1p56 }

  /// The 16 bytes.
  var bytes: [UInt8] { bigEndian(high) + bigEndian(low) }

  /// 32 lower-case hexadecimal digits.
  package var description: String { hexadecimal([high, low]) }
}

/// 8 bytes that name a hop of a trace; never all zero.
package struct SpanID: Hashable, Sendable, CustomStringConvertible {
  private let value: UInt64

  /// Takes 8 bytes; `nil` for another number or all zero.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count == 8, bytes.contains(where: { $0 != 0 }) else { return nil }
    value = bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }

  private init(value: UInt64) { self.value = value }

  /// A new one.
  package static func random() -> SpanID { SpanID(value: SpreadSequence.nextAboveZero()) }

  /// The 8 bytes.
  var bytes: [UInt8] { bigEndian(value) }

  /// 16 lower-case hexadecimal digits.
  package var description: String { hexadecimal([value]) }
}

private func bigEndian(_ value: UInt64) -> [UInt8] {
  stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
}

/// The lower-case digits of numbers, each in its full width.
func hexadecimal<Number: FixedWidthInteger>(_ numbers: [Number]) -> String {
  let width = Number.bitWidth / 4
  return String(unsafeUninitializedCapacity: numbers.count * width) { text in
    for place in 0..<numbers.count * width {
      let digit = numbers[place / width] >> Number(Number.bitWidth - 4 - place % width * 4) & 15
      text[place] = UInt8(hexadecimalDigit: UInt8(digit))
    }
    return numbers.count * width
  }
}

/// The bytes of lower-case digits; `nil` for any other character, upper case included, as the specification asks.
func hexadecimal(_ digits: ArraySlice<UInt8>) -> [UInt8]? {
  var bytes: [UInt8] = []
  var high: UInt8?
  for digit in digits {
    let value: UInt8
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
    default: return nil
    }
    if let first = high {
      bytes.append(first << 4 | value)
      high = nil
    } else {
      high = value
    }
  }
  return high == nil ? bytes : nil
}
