import Domain
import Testing

@Suite("A window of a text")
struct TextWindowTests {
  private static let text = "aß€😀z"  // 1, 2, 3, 4 and 1 bytes of UTF-8.

  @Test(
    "it is cut between characters, and says where it stands",
    arguments: [
      (0, 11, 0, 11, "aß€😀z"), (0, 4, 0, 3, "aß"), (1, 5, 1, 6, "ß€"), (2, 5, 1, 6, "ß€"), (5, 4, 3, 6, "€"),
      (6, 4, 6, 10, "😀"), (9, 4, 6, 10, "😀"), (10, 4, 10, 11, "z"), (11, 4, 11, 11, ""), (4_000, 4, 11, 11, ""),
      (-5, 4, 0, 3, "aß"), (6, 0, 6, 10, "😀"), (0, .max, 0, 11, "aß€😀z"),
    ])
  func cuts(offset: Int, maximum: Int, start: Int, end: Int, expected: String) {
    let window = TextWindow(of: Self.text, from: offset, maximumBytes: maximum)
    #expect(window.startOffset == start)
    #expect(window.endOffset == end)
    #expect(window.text == expected)
    #expect(window.byteCount == 11)
  }

  @Test("windows that follow each other are the whole text", arguments: 4...12)
  func joins(maximum: Int) {
    let text = String(repeating: Self.text, count: 20)
    var joined = ""
    var offset = 0
    while offset < text.utf8.count {
      let window = TextWindow(of: text, from: offset, maximumBytes: maximum)
      #expect(window.startOffset == offset)
      guard window.endOffset > offset, window.endOffset - offset <= maximum else {
        Issue.record("the window from \(offset) ends at \(window.endOffset)")
        return
      }
      joined += window.text
      offset = window.endOffset
    }
    #expect(joined == text)
  }

  @Test("an empty text has an empty window")
  func empty() {
    let window = TextWindow(of: "", from: 0, maximumBytes: 100)
    #expect(window.text.isEmpty)
    #expect(window.byteCount == 0)
  }
}
