/// What the reference tokenizer does with each Unicode scalar: drop it, end a word at it, or replace it.
///
/// The tables are frozen copies of the reference's own, so the result does not change with the Unicode version of the
/// toolchain. About 1.1 MB in memory; lookups take one array access, folds a dictionary access more.
/// A class, so that a splitter holds it by one reference.
final class BertCharacters: Sendable {
  /// What a scalar means for the splitting of a text into words.
  enum Kind: UInt8 {
    case letter, removed, whitespace, ideograph, punctuation, mark
  }

  /// By scalar value: a `Kind`, and `folded` where `folds` has an entry.
  private let kinds: [UInt8]
  private let folds: [UInt32: [UInt32]]
  private static let folded: UInt8 = 0x80

  /// Reads the tables.
  init() {
    var kinds = [UInt8](repeating: Kind.letter.rawValue, count: 0x11_0000)
    var folds: [UInt32: [UInt32]] = [:]
    Self.mark(&kinds, BertCharacterTables.ideographs, as: .ideograph)
    Self.mark(&kinds, BertCharacterTables.punctuation, as: .punctuation)
    Self.mark(&kinds, BertCharacterTables.marks, as: .mark)
    Self.mark(&kinds, BertCharacterTables.removed, as: .removed)
    Self.mark(&kinds, BertCharacterTables.whitespace, as: .whitespace)
    let dash = UInt8(ascii: "-"), colon = UInt8(ascii: ":"), comma = UInt8(ascii: ",")
    Self.forEachEntry(of: BertCharacterTables.folds, separators: [dash, colon, comma]) { numbers in
      folds[numbers[0]] = Array(numbers[1...])
      kinds[Int(numbers[0])] |= Self.folded
    }
    self.kinds = kinds
    self.folds = folds
  }

  /// The kind of a scalar, before or after folding.
  func kind(of scalar: UInt32) -> Kind {
    // Every stored byte is a kind's raw value, so the default is never taken.
    Kind(rawValue: kinds[Int(scalar)] & ~Self.folded) ?? .letter
  }

  /// Calls `body` with each scalar that `scalar` becomes: decomposed canonically, without marks, in lower case.
  func fold(_ scalar: UInt32, _ body: (UInt32) -> Void) {
    if scalar < 0x80 {
      body(scalar &- 0x41 < 26 ? scalar + 0x20 : scalar)
    } else if kinds[Int(scalar)] & Self.folded != 0, let replacement = folds[scalar] {
      for element in replacement { body(element) }
    } else if scalar &- 0xAC00 < 11_172 {
      // Hangul syllables, by the arithmetic of the Unicode Standard, section 3.12.
      let index = scalar - 0xAC00
      body(0x1100 + index / 588)
      body(0x1161 + index % 588 / 28)
      if index % 28 != 0 { body(0x11A7 + index % 28) }
    } else {
      body(scalar)
    }
  }

  private static func mark(_ kinds: inout [UInt8], _ table: StaticString, as kind: Kind) {
    forEachEntry(of: table, separators: [UInt8(ascii: "-")]) { numbers in
      let range = Int(numbers[0])..<Int(numbers[numbers.count - 1]) + 1
      kinds.withUnsafeMutableBufferPointer { $0[range].update(repeating: kind.rawValue) }
    }
  }

  /// Calls `body` with the hexadecimal numbers of each entry of a table.
  private static func forEachEntry(of table: StaticString, separators: [UInt8], _ body: ([UInt32]) -> Void) {
    var numbers: [UInt32] = [0]
    var isEntry = false
    table.withUTF8Buffer { bytes in
      for byte in bytes {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\n"):
          if isEntry { body(numbers) }
          numbers = [0]
          isEntry = false
        case _ where separators.contains(byte):
          numbers.append(0)
        default:
          let digit = byte <= UInt8(ascii: "9") ? byte - UInt8(ascii: "0") : byte - UInt8(ascii: "A") + 10
          numbers[numbers.count - 1] = numbers[numbers.count - 1] << 4 | UInt32(digit)
          isEntry = true
        }
      }
    }
    if isEntry { body(numbers) }
  }
}
