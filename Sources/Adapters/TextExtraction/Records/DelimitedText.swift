import Application
import Domain

/// Reads comma-separated values (RFC 4180), also those parted by semicolons, tabs or bars.
///
/// Each row is a passage: a line `column: value` for each cell that holds something, so that a row says by itself what
/// its values are.
struct DelimitedText {
  /// The most cells of a row; a table that people read has some dozens.
  static let maximumColumns = 2_000

  private let bytes: [UInt8]
  private let delimiter: UInt8

  /// Takes a text as a table when its first line parts into at least two cells.
  ///
  /// - Parameter delimiter: what parts the cells; `nil` takes what the first line has most of.
  init?(_ text: String, delimiter: UInt8?) {
    bytes = Array(text.utf8)
    guard let found = delimiter ?? Self.delimiter(of: bytes), bytes.contains(found) else { return nil }
    self.delimiter = found
  }

  /// The rows as passages.
  ///
  /// - Throws: `.invalid` for a quotation that never ends or a row beyond a limit, `.cancelled`.
  func read(limits: ExtractionLimits) throws(ExtractionFailure) -> ExtractedText {
    var assembly = TextAssembly()
    var reader = RowReader(bytes: bytes, delimiter: delimiter)
    var names: [String]?
    while let row = try reader.next() {
      guard row.contains(where: { !$0.isEmpty }) else { continue }
      guard let header = names else {
        names = Self.names(of: row)
        if names == nil {
          names = []
          assembly.add(.record, Self.passage(row, names: []))
        }
        continue
      }
      assembly.add(.record, Self.passage(row, names: header))
      // Names are written out again in each row: what they come to is watched while it grows.
      try limits.checkText(assembly.byteCount)
      try checkCancellation()
    }
    if assembly.blocks.isEmpty, let names, !names.isEmpty { assembly.add(.record, names.joined(separator: "\n")) }
    return assembly.extracted(title: nil)
  }

  private static func passage(_ row: [String], names: [String]) -> String {
    row.enumerated().filter { !$0.element.isEmpty }.map { index, cell in
      "\(index < names.count && !names[index].isEmpty ? names[index] : "column \(index + 1)"): \(cell)"
    }.joined(separator: "\n")
  }

  /// The row as the columns' names; `nil` when it is a row of values: names are words, and none is there twice.
  private static func names(of row: [String]) -> [String]? {
    let names = row.map(TextCleaner.cleanLine)
    let filled = names.filter { !$0.isEmpty }
    let isHeader =
      Set(filled).count == filled.count && filled.count * 2 > names.count
      && filled.allSatisfy { name in name.utf8.count <= 200 && name.contains(where: \.isLetter) }
    return isHeader ? names : nil
  }

  private static func delimiter(of bytes: [UInt8]) -> UInt8? {
    let line = bytes.prefix(64 * 1_024).prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    var counts: [UInt8: Int] = [:]
    var isQuoted = false
    for byte in line {
      if byte == UInt8(ascii: "\"") { isQuoted.toggle() } else if !isQuoted { counts[byte, default: 0] += 1 }
    }
    // In this order where two are as frequent.
    return [",", ";", "\t", "|"].map { UInt8(ascii: $0) }.filter { counts[$0] != nil }
      .max { counts[$0, default: 0] < counts[$1, default: 0] }
  }
}

/// Reads the rows of delimited text one by one.
private struct RowReader {
  let bytes: [UInt8]
  let delimiter: UInt8
  private var index = 0
  private var line = 1

  init(bytes: [UInt8], delimiter: UInt8) {
    self.bytes = bytes
    self.delimiter = delimiter
  }

  /// The next row's cells, without white space at their ends; `nil` after the last.
  mutating func next() throws(ExtractionFailure) -> [String]? {
    guard index < bytes.count else { return nil }
    var cells: [String] = []
    while true {
      cells.append(try cell())
      guard cells.count <= DelimitedText.maximumColumns else {
        throw .invalid("line \(line) has more than \(DelimitedText.maximumColumns) columns")
      }
      guard index < bytes.count else { return cells }
      let byte = bytes[index]
      index += 1
      if byte == delimiter { continue }
      if byte == UInt8(ascii: "\r"), index < bytes.count, bytes[index] == UInt8(ascii: "\n") { index += 1 }
      line += 1
      return cells
    }
  }

  /// Reads a cell up to what ends it.
  private mutating func cell() throws(ExtractionFailure) -> String {
    var content: [UInt8] = []
    if index < bytes.count, bytes[index] == UInt8(ascii: "\"") { content = try quoted() }
    while index < bytes.count, !endsCell(bytes[index]) {
      content.append(bytes[index])
      index += 1
    }
    return String(decoding: content[content.trimmingWhiteSpace(0..<content.count)], as: UTF8.self)
  }

  private mutating func quoted() throws(ExtractionFailure) -> [UInt8] {
    let start = line
    var content: [UInt8] = []
    index += 1
    while index < bytes.count {
      let byte = bytes[index]
      index += 1
      if byte == UInt8(ascii: "\"") {
        guard index < bytes.count, bytes[index] == UInt8(ascii: "\"") else { return content }
        index += 1
      } else if byte == UInt8(ascii: "\n") {
        line += 1
      }
      content.append(byte)
    }
    throw .invalid("the quotation that begins on line \(start) never ends")
  }

  private func endsCell(_ byte: UInt8) -> Bool {
    byte == delimiter || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
  }
}
