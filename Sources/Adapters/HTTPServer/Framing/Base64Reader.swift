/// Reads Base64 (RFC 4648) as it comes in, strictly.
///
/// Padding may come after any group of four, and another text follow: a gRPC-Web client encodes each piece that it writes
/// by itself (PROTOCOL-WEB.md, "Text-encoded streams").
struct Base64Reader {
  /// Which characters stand for 62 and 63.
  enum Alphabet {
    /// `+` and `/` (RFC 4648 §4); padding is a must.
    case standard
    /// `-` and `_` (RFC 4648 §5); padding may be left out at the end.
    case urlSafe
  }

  /// The text is not Base64.
  struct Malformed: Error, Equatable {}

  private let alphabet: Alphabet
  /// The bits of the group that has begun.
  private var bits: UInt32 = 0
  private var characters = 0
  private var padding = 0

  /// Makes a reader.
  init(_ alphabet: Alphabet) { self.alphabet = alphabet }

  /// Takes more characters, and gives the bytes that they complete.
  mutating func feed(_ text: some Collection<UInt8>) throws(Malformed) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3 + 3)
    for character in text {
      if character == UInt8(ascii: "=") {
        guard characters >= 2 else { throw Malformed() }
        padding += 1
      } else {
        guard padding == 0, let value = value(of: character) else { throw Malformed() }
        bits = bits << 6 | UInt32(value)
        characters += 1
      }
      if characters + padding == 4 { try end(&bytes) }
    }
    return bytes
  }

  /// The bytes of a last group without padding, at the end of the text.
  mutating func finish() throws(Malformed) -> [UInt8] {
    guard characters > 0 else { return [] }
    guard alphabet == .urlSafe, padding == 0, characters >= 2 else { throw Malformed() }
    var bytes: [UInt8] = []
    try end(&bytes)
    return bytes
  }

  /// Takes the bytes of a group out; the bits that are left over must be 0, so that each text has one form alone.
  private mutating func end(_ bytes: inout [UInt8]) throws(Malformed) {
    let surplus = UInt32(characters * 6 % 8)
    guard bits & (1 << surplus - 1) == 0 else { throw Malformed() }
    let whole = bits >> surplus
    let count = characters * 6 / 8
    for index in 0..<count { bytes.append(UInt8(truncatingIfNeeded: whole >> UInt32(8 * (count - 1 - index)))) }
    (bits, characters, padding) = (0, 0, 0)
  }

  private func value(of character: UInt8) -> UInt8? {
    switch (character, alphabet) {
    case (UInt8(ascii: "A")...UInt8(ascii: "Z"), _): character - UInt8(ascii: "A")
    case (UInt8(ascii: "a")...UInt8(ascii: "z"), _): character - UInt8(ascii: "a") + 26
    case (UInt8(ascii: "0")...UInt8(ascii: "9"), _): character - UInt8(ascii: "0") + 52
    case (UInt8(ascii: "+"), .standard), (UInt8(ascii: "-"), .urlSafe): 62
    case (UInt8(ascii: "/"), .standard), (UInt8(ascii: "_"), .urlSafe): 63
    default: nil
    }
  }
}
