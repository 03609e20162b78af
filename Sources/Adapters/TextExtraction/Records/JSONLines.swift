import Application
import Domain
import FoundationEssentials

/// Reads JSON Lines: each object is a passage of lines `name: value`, with `a.b` for what lies inside.
enum JSONLines {
  /// The deepest that values may be nested; Foundation's parser allows 512.
  static let maximumDepth = 64

  /// Whether the first lines that hold something, up to four, are JSON objects, and there are at least two of them.
  static func matches(_ bytes: [UInt8]) -> Bool {
    let head = bytes.prefix(256 * 1_024)
    let lines = head.split(separator: UInt8(ascii: "\n"), maxSplits: 4).filter { $0.contains { $0 > 0x20 } }
    // The last may be cut off by the length of what is looked at.
    let whole = lines.prefix(head.count < bytes.count ? max(lines.count - 1, 0) : 4).prefix(4)
    return whole.count >= 2
      && whole.allSatisfy {
        depth(of: $0) <= maximumDepth && (try? JSONDecoder().decode([String: JSONAny].self, from: Data($0))) != nil
      }
  }

  /// The objects as passages.
  ///
  /// - Throws: `.invalid` with the number of the first line that is not JSON, `.cancelled`.
  static func read(_ text: String, limits: ExtractionLimits) throws(ExtractionFailure) -> ExtractedText {
    let bytes = Array(text.utf8)
    let decoder = JSONDecoder()
    var assembly = TextAssembly()
    var number = 0
    for range in TextLines(bytes: bytes) {
      number += 1
      guard bytes[range].contains(where: { $0 > 0x20 }) else { continue }
      guard depth(of: bytes[range]) <= maximumDepth else {
        throw .invalid("line \(number) nests its values deeper than \(maximumDepth) levels")
      }
      let value: JSONAny
      do { value = try decoder.decode(JSONAny.self, from: Data(bytes[range])) } catch {
        throw .invalid("line \(number) is not a value in JSON, which each line of JSON Lines is")
      }
      var lines: [String] = []
      value.write("", into: &lines)
      assembly.add(.record, lines.joined(separator: "\n"))
      try limits.checkText(assembly.byteCount)
      try checkCancellation()
    }
    return assembly.extracted(title: nil)
  }

  /// How deep arrays and objects are nested, counted before they are parsed: a parser calls itself for each level.
  private static func depth(of line: ArraySlice<UInt8>) -> Int {
    var (depth, deepest, isQuoted, isEscaped) = (0, 0, false, false)
    for byte in line {
      if isQuoted {
        isQuoted = isEscaped || byte != UInt8(ascii: "\"")
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
        continue
      }
      switch byte {
      case UInt8(ascii: "\""): isQuoted = true
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        depth += 1
        deepest = max(deepest, depth)
      case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
      default: break
      }
    }
    return deepest
  }
}

/// Any value in JSON.
private enum JSONAny: Decodable {
  case null
  case bool(Bool)
  case number(Decimal)
  case string(String)
  case list([JSONAny])
  case object([String: JSONAny])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let bool = try? container.decode(Bool.self) {  // Each `try?` asks for the type of the value.
      self = .bool(bool)
    } else if let text = try? container.decode(String.self) {
      self = .string(text)
    } else if let number = try? container.decode(Decimal.self) {
      self = .number(number)
    } else if let list = try? container.decode([JSONAny].self) {
      self = .list(list)
    } else {
      self = .object(try container.decode([String: JSONAny].self))
    }
  }

  /// Writes a line for each value that says something. Names come in the order of the alphabet: an object has none of
  /// its own.
  func write(_ path: String, into lines: inout [String]) {
    func add(_ text: String) { lines.append(path.isEmpty ? text : "\(path): \(text)") }
    switch self {
    case .null: break
    case .bool(let bool): add("\(bool)")
    case .number(let number): add("\(number)")
    case .string(let text): if text.contains(where: { !$0.isWhitespace }) { add(text) }
    case .list(let values):
      let texts = values.compactMap(\.inLine)
      if texts.count == values.count {
        if !texts.isEmpty { add(texts.joined(separator: ", ")) }
      } else {
        for value in values { value.write(path, into: &lines) }
      }
    case .object(let members):
      for (name, value) in members.sorted(by: { $0.key < $1.key }) {
        value.write(path.isEmpty ? name : "\(path).\(name)", into: &lines)
      }
    }
  }

  /// A value that goes with others on one line; `nil` for what does not.
  private var inLine: String? {
    switch self {
    case .bool(let bool): "\(bool)"
    case .number(let number): "\(number)"
    case .string(let text) where text.utf8.count <= 100 && !text.contains("\n"): text
    default: nil
    }
  }
}
