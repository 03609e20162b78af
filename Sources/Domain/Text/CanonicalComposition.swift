#if canImport(Darwin)
import Foundation
#else
// FoundationEssentials has no normalisation, and Foundation's brings 41 MB of ICU tables along. The standard library
// carries the same tables for comparing strings; this is where it shows them.
@_spi(_Unicode) import Swift
#endif

extension String {
  /// The text in Unicode Normalization Form C (UAX #15); the same bytes when it already is.
  ///
  /// Of more than ``maximumMarks`` combining marks in a row the rest is left out: putting them in order takes quadratic
  /// time (100,000 took five seconds), as every later comparison of the text would.
  package var canonicallyComposed: String {
    let bytes = Array(utf8)
    guard !bytes.allScalars(where: ScalarClass.isComposed) else { return self }
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    // Nothing composes with a line feed, so lines can be taken one by one, and most need nothing.
    for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
      if line.startIndex > 0 { output.append(UInt8(ascii: "\n")) }
      if Array(line).allScalars(where: ScalarClass.isComposed) {
        output += line
      } else {
        // Composing may take marks apart (U+0344 becomes two), so what comes out is looked at again.
        let composed = String(decoding: Self.limitingMarks(Array(line)), as: UTF8.self).composedLine
        output += Self.limitingMarks(Array(composed.utf8))
      }
    }
    return String(decoding: output, as: UTF8.self)
  }

  /// The most combining marks in a row: the limit of UAX #15's Stream-Safe Text Format, far beyond any language's need.
  package static let maximumMarks = 30

  private static func limitingMarks(_ bytes: [UInt8]) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(bytes.count)
    var marks = 0
    var index = 0
    while index < bytes.count {
      let scalar = bytes.scalar(at: index)
      marks = ScalarClass.isMark(scalar.value) ? marks + 1 : 0
      if marks <= maximumMarks { output += bytes[index..<(index + scalar.length)] }
      index += scalar.length
    }
    return output
  }

  /// The text in Unicode Normalization Form D (UAX #15).
  package var canonicallyDecomposed: String {
    // Without anything from U+00C0 on there is nothing to take apart.
    if utf8.allSatisfy({ $0 < 0xC3 }) { return self }
    #if canImport(Darwin)
    return decomposedStringWithCanonicalMapping
    #else
    var output = String.UnicodeScalarView()
    for scalar in _nfd { output.append(scalar) }
    return String(output)
    #endif
  }

  private var composedLine: String {
    #if canImport(Darwin)
    return precomposedStringWithCanonicalMapping
    #else
    var output = String.UnicodeScalarView()
    for scalar in _nfc { output.append(scalar) }
    return String(output)
    #endif
  }
}

extension [UInt8] {
  /// Whether every scalar passes the test.
  package func allScalars(where test: (UInt32) -> Bool) -> Bool {
    var index = 0
    while index < count {
      let scalar = scalar(at: index)
      guard test(scalar.value) else { return false }
      index += scalar.length
    }
    return true
  }
}

extension ScalarClass {
  /// Whether the scalar surely stays as it is in NFC; all below U+0300 do.
  package static func isComposed(_ value: UInt32) -> Bool { value < 0x300 || isInert(value) }

  /// Whether the scalar is put in order with its neighbours: its canonical combining class is not 0.
  package static func isMark(_ value: UInt32) -> Bool {
    if isInert(value) { return false }
    return Unicode.Scalar(value).map { $0.properties.canonicalCombiningClass != .notReordered } ?? false
  }

  /// Whether cleaning surely leaves the scalar alone whatever its neighbours are: it is a starter that neither changes
  /// in NFC nor composes with what comes before it, and no control or hidden character.
  ///
  /// Most text consists of these, so it needs no closer look: ASCII, Latin, Cyrillic, Hebrew, Arabic, kana, Han and
  /// Hangul letters, general punctuation and most emoji.
  package static func isInert(_ value: UInt32) -> Bool {
    if value < 0x7F { return value >= 0x20 || value == 0x09 || value == 0x0A }
    switch value {
    case 0xA0...0xAC, 0xAE...0x2FF, 0x400...0x482, 0x48A...0x52F, 0x5D0...0x5EA, 0x621...0x64A, 0x660...0x669,
      0x1E00...0x1EFF, 0x2010...0x2027, 0x2030...0x205E, 0x20A0...0x20BF, 0x3001...0x3029, 0x3041...0x3096,
      0x30A1...0x30FA, 0x30FC...0x30FE, 0x4E00...0x9FFF, 0xAC00...0xD7A3, 0xFF01...0xFF5E, 0x1F300...0x1F3F3,
      0x1F3F5...0x1F6FF:
      return true
    default: return false
    }
  }
}
