package import FoundationEssentials

extension UUID {
  /// The lower-case hyphenated text of RFC 9562, 36 characters.
  package var lowercaseText: String { text(hasHyphens: true) }

  /// The 32 hexadecimal digits in lower case.
  package var hexadecimal: String { text(hasHyphens: false) }

  private func text(hasHyphens: Bool) -> String {
    withUnsafeBytes(of: uuid) { bytes in
      String(unsafeUninitializedCapacity: hasHyphens ? 36 : 32) { text in
        var end = 0
        for (place, byte) in bytes.enumerated() {
          if hasHyphens, place == 4 || place == 6 || place == 8 || place == 10 {
            text[end] = UInt8(ascii: "-")
            end += 1
          }
          text[end] = UInt8(hexadecimalDigit: byte >> 4)
          text[end + 1] = UInt8(hexadecimalDigit: byte & 15)
          end += 2
        }
        return end
      }
    }
  }
}

extension UUID {
  /// A new one of version 4 (RFC 9562 §5.4), from the system's secure random source. `UUID()` opens a file for each.
  package static func random() -> UUID {
    var random = SystemRandomNumberGenerator()
    return version4(random.next(), random.next())
  }

  /// A new one of the same form that is no secret: who knows others may guess it. It takes no call of the system.
  package static func unique() -> UUID { version4(SpreadSequence.next(), SpreadSequence.next()) }

  private static func version4(_ high: UInt64, _ low: UInt64) -> UUID {
    let words = ((high & ~0xF000 | 0x4000).bigEndian, (low & ~(0xC0 << 56) | 0x80 << 56).bigEndian)
    return withUnsafeBytes(of: words) { UUID(uuid: $0.loadUnaligned(as: uuid_t.self)) }
  }
}
