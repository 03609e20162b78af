/// Reads `multipart/form-data` as it comes in, strictly and within limits.
///
/// Source: RFC 2046 §5.1 (the framing) and RFC 7578 (forms). Nothing may stand before the first boundary; what stands
/// behind the last is not read.
struct MultipartParser {
  /// What was read.
  enum Event: Equatable {
    /// A part begins; the names of its header fields are in lower case.
    case began(headers: [String: String])
    /// The part goes on.
    case data([UInt8])
    /// The part is whole.
    case ended
  }

  /// Why the body is no form.
  enum Failure: Error, Equatable {
    /// It breaks the framing; says how.
    case malformed(String)
    /// A part's header fields are longer than ``MultipartParser/maximumHeaderBytes``.
    case headersTooLong
    /// There are more parts than ``MultipartParser/maximumParts``.
    case tooManyParts
  }

  /// The most bytes of a part's header fields.
  static let maximumHeaderBytes = 8 << 10
  /// The most parts.
  static let maximumParts = 16

  private enum State {
    case preamble
    case headers
    case data
    case end
  }

  private let delimiter: [UInt8]
  private var state = State.preamble
  private var buffer: [UInt8] = []
  private var parts = 0

  /// Whether the last boundary has been read.
  var isAtEnd: Bool { state == .end }

  /// Makes a parser for a boundary: 1 to 70 characters.
  init?(boundary: String) {
    guard (1...70).contains(boundary.utf8.count) else { return nil }
    delimiter = Array("\r\n--\(boundary)".utf8)
    // With this, the first boundary looks like every other one.
    buffer = Array("\r\n".utf8)
  }

  /// Takes more bytes and says what they brought.
  mutating func feed(_ bytes: some Sequence<UInt8>) throws(Failure) -> [Event] {
    buffer.append(contentsOf: bytes)
    var events: [Event] = []
    while try step(&events) {}
    return events
  }

  private mutating func step(_ events: inout [Event]) throws(Failure) -> Bool {
    switch state {
    case .preamble:
      guard buffer.count >= delimiter.count else {
        guard delimiter.starts(with: buffer) else { throw .malformed("it does not start with the boundary") }
        return false
      }
      guard buffer.starts(with: delimiter) else { throw .malformed("it does not start with the boundary") }
      return try boundary(at: 0, &events, endsPart: false)
    case .headers: return try headers(&events)
    case .data:
      if let start = Self.find(delimiter, in: buffer) { return try boundary(at: start, &events, endsPart: true) }
      // The last bytes may be the start of a boundary.
      let safe = buffer.count - delimiter.count + 1
      if safe > 0 {
        events.append(.data(Array(buffer[..<safe])))
        buffer.removeFirst(safe)
      }
      return false
    case .end:
      buffer = []
      return false
    }
  }

  /// Reads behind a boundary: `--` is the end, a line break another part.
  private mutating func boundary(at start: Int, _ events: inout [Event], endsPart: Bool) throws(Failure) -> Bool {
    let behind = start + delimiter.count
    guard buffer.count >= behind + 2 else { return false }
    let next = Array(buffer[behind..<behind + 2])
    guard next == Array("--".utf8) || next == Array("\r\n".utf8) else {
      throw .malformed("a boundary is not followed by a line break")
    }
    if endsPart {
      if start > 0 { events.append(.data(Array(buffer[..<start]))) }
      events.append(.ended)
    }
    buffer.removeFirst(behind + 2)
    if next == Array("--".utf8) {
      state = .end
    } else {
      parts += 1
      guard parts <= Self.maximumParts else { throw .tooManyParts }
      state = .headers
    }
    return true
  }

  private mutating func headers(_ events: inout [Event]) throws(Failure) -> Bool {
    let blankLine = Array("\r\n\r\n".utf8)
    guard let end = Self.find(blankLine, in: buffer) else {
      // All but the last byte of the blank line may be here already.
      guard buffer.count < Self.maximumHeaderBytes + blankLine.count else { throw .headersTooLong }
      return false
    }
    guard end <= Self.maximumHeaderBytes else { throw .headersTooLong }
    guard let text = String(validating: buffer[..<end], as: UTF8.self) else {
      throw .malformed("a part's header is not UTF-8")
    }
    var fields: [String: String] = [:]
    for line in text.split(separator: "\r\n") {
      guard let colon = line.firstIndex(of: ":"), colon != line.startIndex else {
        throw .malformed("a part's header has a line without a colon")
      }
      let name = line[..<colon].lowercased()
      guard fields[name] == nil else { throw .malformed("a part has two \(name) fields") }
      fields[name] = String(line[line.index(after: colon)...].drop(while: { $0 == " " || $0 == "\t" }))
    }
    buffer.removeFirst(end + blankLine.count)
    events.append(.began(headers: fields))
    state = .data
    return true
  }

  private static func find(_ needle: [UInt8], in haystack: [UInt8]) -> Int? {
    guard haystack.count >= needle.count, let first = needle.first else { return nil }
    var index = 0
    let last = haystack.count - needle.count
    while index <= last {
      guard let candidate = haystack[index...last].firstIndex(of: first) else { return nil }
      if haystack[candidate..<candidate + needle.count].elementsEqual(needle) { return candidate }
      index = candidate + 1
    }
    return nil
  }
}
