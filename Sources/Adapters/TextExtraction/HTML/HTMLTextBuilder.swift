#if HTML
import Domain

/// Collects a page's text into blocks, with white space as HTML shows it: runs become one space, `<br>` a line end.
struct HTMLTextBuilder {
  private(set) var blocks: [HTMLPage.Block] = []
  private var bytes: [UInt8] = []
  private var pendingSpace = false
  private var style = HTMLStyle()
  private var marker = ""

  /// Adds the bytes of a text node, which is valid UTF-8.
  mutating func add(_ text: UnsafeBufferPointer<UInt8>, style: HTMLStyle) {
    if bytes.isEmpty { self.style = style }
    if style.keepsSpace {
      addPendingSpace()
      bytes += text
      return
    }
    for byte in text {
      if byte == 0x20 || (0x09...0x0D).contains(byte) {
        pendingSpace = true
      } else {
        addPendingSpace()
        bytes.append(byte)
      }
    }
  }

  /// A line end within a block.
  mutating func addLineEnd() {
    pendingSpace = false
    if !bytes.isEmpty { bytes.append(UInt8(ascii: "\n")) }
  }

  /// The border between the cells of a row.
  mutating func addCellBorder() {
    pendingSpace = false
    if !bytes.isEmpty { bytes += " | ".utf8 }
  }

  /// What is to stand before the next block, such as `- `.
  mutating func setMarker(_ marker: String) { self.marker = marker }

  /// Ends the block.
  mutating func endBlock() {
    pendingSpace = false
    guard !bytes.isEmpty else { return }
    let range = bytes.trimmingWhiteSpace(0..<bytes.count)
    let start = style.keepsSpace ? bytes.lineStart(of: range.lowerBound) : range.lowerBound
    let text = TextCleaner.clean(String(decoding: bytes[start..<range.upperBound], as: UTF8.self))
    bytes.removeAll(keepingCapacity: true)
    guard text.contains(where: { !$0.isWhitespace && $0 != "|" }) else { return }
    let isItem = style.kind == .listItem
    blocks.append(HTMLPage.Block(kind: style.kind, place: style.place, marker: isItem ? marker : "", text: text))
    marker = ""
  }

  /// White space between words counts, at the start of a line it does not.
  private mutating func addPendingSpace() {
    if pendingSpace, let last = bytes.last, last != UInt8(ascii: "\n"), last != UInt8(ascii: " ") {
      bytes.append(UInt8(ascii: " "))
    }
    pendingSpace = false
  }
}
#endif
