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
  package var description: String {
    String(unsafeUninitializedCapacity: 32) { write(to: $0.baseAddress) }
  }

  /// Writes the digits; answers with how many there are.
  fileprivate func write(to text: UnsafeMutablePointer<UInt8>?) -> Int {
    guard let text else { return 0 }
    writeHexadecimal(high, to: text)
    writeHexadecimal(low, to: text + 16)
    return 32
  }
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
  package var description: String {
    String(unsafeUninitializedCapacity: 16) { write(to: $0.baseAddress) }
  }

  /// Writes the digits; answers with how many there are.
  fileprivate func write(to text: UnsafeMutablePointer<UInt8>?) -> Int {
    guard let text else { return 0 }
    writeHexadecimal(value, to: text)
    return 16
  }
}

extension TraceContext {
  /// The header for calls that this hop makes, version 00, 55 characters.
  package var traceparent: String {
    String(unsafeUninitializedCapacity: 55) { text in
      let dash = UInt8(ascii: "-")
      guard var place = text.baseAddress else { return 0 }
      func write(_ bytes: UInt8...) { for byte in bytes { (place.pointee, place) = (byte, place + 1) } }
      write(UInt8(ascii: "0"), UInt8(ascii: "0"), dash)
      place += traceID.write(to: place)
      write(dash)
      place += spanID.write(to: place)
      write(dash, hexadecimalDigit(flags >> 4), hexadecimalDigit(flags & 15))
      return 55
    }
  }
}

private func bigEndian(_ value: UInt64) -> [UInt8] {
  stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: value >> UInt64($0)) }
}

/// Writes the 16 lower-case digits of a number.
private func writeHexadecimal(_ value: UInt64, to text: UnsafeMutablePointer<UInt8>) {
  for place in 0..<16 {
    text[place] = hexadecimalDigit(UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * place)) & 15)
  }
}

/// The lower-case digit of a number below 16.
func hexadecimalDigit(_ value: UInt8) -> UInt8 {
  value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
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
