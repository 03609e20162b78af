/// A part of a text, cut between characters of Unicode, by offsets in UTF-8 bytes.
package struct TextWindow: Hashable, Sendable {
  /// The least that a window may be asked to hold: no character of Unicode is longer.
  package static let minimumBytes = 4

  /// Where it starts, in bytes: at the offset that was asked for, or at the start of the character that this is within.
  package let startOffset: Int
  /// Where it ends, exclusive.
  package let endOffset: Int
  /// The length of the whole text in bytes.
  package let byteCount: Int
  /// Exactly those bytes.
  package let text: Substring

  /// Cuts a window out of a text.
  ///
  /// - Parameters:
  ///   - offset: where to begin; behind the end the window is empty.
  ///   - maximumBytes: the most bytes; fewer than ``minimumBytes`` count as so many.
  package init(of whole: String, from offset: Int, maximumBytes: Int) {
    var whole = whole
    whole.makeContiguousUTF8()
    let bytes = whole.utf8
    let count = bytes.count
    func index(_ offset: Int) -> String.Index {
      var index = bytes.index(bytes.startIndex, offsetBy: min(max(offset, 0), count))
      // Bytes that go on with a character begin with the bits 10.
      while index < bytes.endIndex, bytes[index] & 0b1100_0000 == 0b1000_0000 { index = bytes.index(before: index) }
      return index
    }
    let start = index(offset)
    let first = bytes.distance(from: bytes.startIndex, to: start)
    let end = index(first + min(max(maximumBytes, Self.minimumBytes), count - first))
    (startOffset, endOffset) = (first, bytes.distance(from: bytes.startIndex, to: end))
    byteCount = count
    text = whole[start..<end]
  }
}
