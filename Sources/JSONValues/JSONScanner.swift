/// Reads JSON where it lies, in one pass: what nobody asks for is passed over without making anything of it.
///
/// For messages that come many times a second; what it takes is JSON by RFC 8259, and what it does not take a decoder may
/// still (names with escapes, say), so that a failure says nothing but that it cannot read this.
package struct JSONScanner {
  /// It cannot read this.
  package enum Failure: Error { case unreadable }

  /// The most values within one another.
  private static let maximumDepth = 64

  /// What may stand behind a backslash.
  private static let escapes = Array("\"\\/bfnrtu".utf8)

  private let bytes: UnsafeBufferPointer<UInt8>
  private var place = 0
  private var depth = 0

  /// Reads from the first of the bytes.
  package init(_ bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

  /// Whether nothing but blanks is left.
  package var isAtEnd: Bool {
    mutating get {
      skipBlanks()
      return place == bytes.count
    }
  }

  /// Reads an object. `member` is given each name, and reads exactly one value, or passes it over with ``skip()``.
  package mutating func object(
    _ member: (inout JSONScanner, UnsafeBufferPointer<UInt8>) throws(Failure) -> Void
  ) throws(Failure) {
    try open(UInt8(ascii: "{"))
    defer { depth -= 1 }
    if take(UInt8(ascii: "}")) { return }
    repeat {
      let name = try quoted()
      guard !name.hasEscapes else { throw .unreadable }
      guard take(UInt8(ascii: ":")) else { throw .unreadable }
      try member(&self, UnsafeBufferPointer(rebasing: bytes[name.range]))
    } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "}")) else { throw .unreadable }
  }

  /// Reads an array. `element` reads exactly one value.
  package mutating func array(_ element: (inout JSONScanner) throws(Failure) -> Void) throws(Failure) {
    try open(UInt8(ascii: "["))
    defer { depth -= 1 }
    if take(UInt8(ascii: "]")) { return }
    repeat { try element(&self) } while take(UInt8(ascii: ","))
    guard take(UInt8(ascii: "]")) else { throw .unreadable }
  }

  /// Reads `null`, if it is next.
  package mutating func null() throws(Failure) -> Bool {
    skipBlanks()
    guard place < bytes.count, bytes[place] == UInt8(ascii: "n") else { return false }
    try word("null")
    return true
  }

  /// Reads a string.
  package mutating func string() throws(Failure) -> String {
    let found = try quoted()
    let slice = bytes[found.range]
    if !found.hasEscapes {
      guard let text = String(validating: slice, as: UTF8.self) else { throw .unreadable }
      return text
    }
    return try Self.unescaped(slice)
  }

  /// Reads `true` or `false`.
  package mutating func bool() throws(Failure) -> Bool {
    skipBlanks()
    guard place < bytes.count else { throw .unreadable }
    let isTrue = bytes[place] == UInt8(ascii: "t")
    try word(isTrue ? "true" : "false")
    return isTrue
  }

  /// Reads a number that is written without a fraction and an exponent, and fits.
  package mutating func integer() throws(Failure) -> Int {
    let range = try number()
    guard let text = String(validating: bytes[range], as: UTF8.self), let value = Int(text) else { throw .unreadable }
    return value
  }

  /// Reads a number.
  package mutating func double() throws(Failure) -> Double {
    let range = try number()
    guard let text = String(validating: bytes[range], as: UTF8.self), let value = Double(text), value.isFinite else {
      throw .unreadable
    }
    return value
  }

  /// Reads over a value of any kind.
  package mutating func skip() throws(Failure) {
    skipBlanks()
    guard place < bytes.count else { throw .unreadable }
    switch bytes[place] {
    case UInt8(ascii: "{"): try object { (scanner, _) throws(Failure) in try scanner.skip() }
    case UInt8(ascii: "["): try array { (scanner) throws(Failure) in try scanner.skip() }
    case UInt8(ascii: "\""): _ = try quoted()
    case UInt8(ascii: "t"): try word("true")
    case UInt8(ascii: "f"): try word("false")
    case UInt8(ascii: "n"): try word("null")
    default: _ = try number()
    }
  }

  /// Reads a value of any kind.
  package mutating func value() throws(Failure) -> JSONValue {
    skipBlanks()
    guard place < bytes.count else { throw .unreadable }
    switch bytes[place] {
    case UInt8(ascii: "{"):
      var members: [String: JSONValue] = [:]
      try object { (scanner, name) throws(Failure) in
        guard let name = String(validating: name, as: UTF8.self) else { throw .unreadable }
        // Of a name that comes twice the decoder decides.
        guard members.updateValue(try scanner.value(), forKey: name) == nil else { throw .unreadable }
      }
      return .object(members)
    case UInt8(ascii: "["):
      var values: [JSONValue] = []
      try array { (scanner) throws(Failure) in values.append(try scanner.value()) }
      return .array(values)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"), UInt8(ascii: "f"): return .bool(try bool())
    case UInt8(ascii: "n"):
      try word("null")
      return .null
    default:
      let range = try number()
      guard let text = String(validating: bytes[range], as: UTF8.self) else { throw .unreadable }
      if let integer = Int(text) { return .integer(integer) }
      // Numbers such as 1.0 and 1e3 are whole to a decoder; of those it decides.
      guard let number = Double(text), number.isFinite, number.rounded() != number else { throw .unreadable }
      return .number(number)
    }
  }

  // Parts

  private mutating func skipBlanks() {
    while place < bytes.count {
      switch bytes[place] {
      case 0x20, 0x0A, 0x0D, 0x09: place += 1
      default: return
      }
    }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    skipBlanks()
    guard place < bytes.count, bytes[place] == byte else { return false }
    place += 1
    return true
  }

  private mutating func open(_ byte: UInt8) throws(Failure) {
    guard depth < Self.maximumDepth, take(byte) else { throw .unreadable }
    depth += 1
  }

  private mutating func word(_ word: StaticString) throws(Failure) {
    let count = word.utf8CodeUnitCount
    guard bytes.count - place >= count else { throw .unreadable }
    for offset in 0..<count where bytes[place + offset] != word.utf8Start[offset] { throw .unreadable }
    place += count
  }

  /// What stands between the quotes of a string.
  private mutating func quoted() throws(Failure) -> (range: Range<Int>, hasEscapes: Bool) {
    guard take(UInt8(ascii: "\"")) else { throw .unreadable }
    let start = place
    var hasEscapes = false
    while place < bytes.count {
      switch bytes[place] {
      case UInt8(ascii: "\""):
        place += 1
        return (start..<(place - 1), hasEscapes)
      case UInt8(ascii: "\\"):
        hasEscapes = true
        guard place + 1 < bytes.count, Self.escapes.contains(bytes[place + 1]) else { throw .unreadable }
        place += 2
      case 0..<0x20: throw .unreadable
      default: place += 1
      }
    }
    throw .unreadable
  }

  private mutating func number() throws(Failure) -> Range<Int> {
    skipBlanks()
    let start = place
    if place < bytes.count, bytes[place] == UInt8(ascii: "-") { place += 1 }
    let first = place
    try digits()
    // A number has no leading zeros.
    if bytes[first] == UInt8(ascii: "0"), place - first > 1 { throw .unreadable }
    if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
      place += 1
      try digits()
    }
    if place < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
      place += 1
      if place < bytes.count, bytes[place] == UInt8(ascii: "+") || bytes[place] == UInt8(ascii: "-") { place += 1 }
      try digits()
    }
    return start..<place
  }

  private mutating func digits() throws(Failure) {
    let start = place
    while place < bytes.count, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[place]) { place += 1 }
    if place == start { throw .unreadable }
  }

  private static func unescaped(_ bytes: Slice<UnsafeBufferPointer<UInt8>>) throws(Failure) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count)
    var place = bytes.startIndex
    while place < bytes.endIndex {
      let byte = bytes[place]
      place += 1
      guard byte == UInt8(ascii: "\\") else {
        text.append(byte)
        continue
      }
      guard place < bytes.endIndex else { throw .unreadable }
      let escape = bytes[place]
      place += 1
      switch escape {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(escape)
      case UInt8(ascii: "n"): text.append(0x0A)
      case UInt8(ascii: "r"): text.append(0x0D)
      case UInt8(ascii: "t"): text.append(0x09)
      case UInt8(ascii: "b"): text.append(0x08)
      case UInt8(ascii: "f"): text.append(0x0C)
      case UInt8(ascii: "u"): text += String(try scalar(bytes, &place)).utf8
      default: throw .unreadable
      }
    }
    guard let whole = String(validating: text, as: UTF8.self) else { throw .unreadable }
    return whole
  }

  /// The character behind `\u`, which may be two of UTF-16's.
  private static func scalar(
    _ bytes: Slice<UnsafeBufferPointer<UInt8>>, _ place: inout Int
  ) throws(Failure) -> Character {
    let first = try unit(bytes, &place)
    guard (0xD800..<0xE000).contains(first) else {
      guard let scalar = Unicode.Scalar(first) else { throw .unreadable }
      return Character(scalar)
    }
    guard first < 0xDC00, bytes.endIndex - place >= 6, bytes[place] == UInt8(ascii: "\\"),
      bytes[place + 1] == UInt8(ascii: "u")
    else { throw .unreadable }
    place += 2
    let second = try unit(bytes, &place)
    guard (0xDC00..<0xE000).contains(second),
      let scalar = Unicode.Scalar(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
    else { throw .unreadable }
    return Character(scalar)
  }

  private static func unit(
    _ bytes: Slice<UnsafeBufferPointer<UInt8>>, _ place: inout Int
  ) throws(Failure) -> UInt32 {
    guard bytes.endIndex - place >= 4 else { throw .unreadable }
    var value: UInt32 = 0
    for _ in 0..<4 {
      let byte = bytes[place]
      place += 1
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = value << 4 | UInt32(byte - 0x30)
      case UInt8(ascii: "a")...UInt8(ascii: "f"): value = value << 4 | UInt32(byte - 0x57)
      case UInt8(ascii: "A")...UInt8(ascii: "F"): value = value << 4 | UInt32(byte - 0x37)
      default: throw .unreadable
      }
    }
    return value
  }
}

extension UnsafeBufferPointer<UInt8> {
  /// Whether these are the bytes of a name.
  package func isName(_ name: StaticString) -> Bool {
    guard count == name.utf8CodeUnitCount else { return false }
    for index in 0..<count where self[index] != name.utf8Start[index] { return false }
    return true
  }
}
