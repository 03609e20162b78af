import Domain
import Testing

@Suite("U+0000 in text")
struct NullCharacterTests {
  @Test("it is found wherever it stands, and nothing else is taken for it")
  func found() {
    for text in ["\u{0}", "a\u{0}", "\u{0}a", "é\u{0}\u{301}", "a\u{0}\u{0}b"] { #expect(NullCharacter.isIn(text)) }
    for text in ["", "0", "\\0", "\u{1}", "\u{100}", "\u{2400}", "日本\u{1F600}"] { #expect(!NullCharacter.isIn(text)) }
    #expect(NullCharacter.isIn("ab\u{0}".dropFirst()))
  }

  @Test("dropping it leaves every other byte as it is")
  func dropped() {
    for (text, rest) in [("", ""), ("\u{0}", ""), ("\u{0}a\u{0}\u{0}é\u{301}\u{0}", "aé\u{301}"), ("a\r\n", "a\r\n")] {
      #expect(Array(NullCharacter.dropped(from: text).utf8) == Array(rest.utf8))
    }
  }

  @Test("an extracted text has none, and its blocks still hold their words")
  func extracted() {
    let blocks = ["\u{0}Über\u{0}schrift", "\u{0}", "ein\u{0} Satz"]
    let text = blocks.joined(separator: "\n\u{0}\n")
    var start = 0
    let ranges = blocks.map { block in
      defer { start += block.utf8.count + 3 }
      return start..<start + block.utf8.count
    }
    let extracted = ExtractedText(
      text: text, title: "T\u{0}itel", blocks: ranges.map { TextBlock(kind: .paragraph, range: $0) })
    #expect(extracted.text == "Überschrift\n\n\n\nein Satz")
    #expect(extracted.title == "Titel")
    let bytes = Array(extracted.text.utf8)
    #expect(
      extracted.blocks.map { String(decoding: bytes[$0.range], as: UTF8.self) } == ["Überschrift", "ein Satz"])
  }

  @Test("an extracted text without any is as it was given")
  func untouched() {
    let block = TextBlock(kind: .heading(level: 1), range: 0..<3)
    let empty = TextBlock(kind: .paragraph, range: 3..<3)
    let extracted = ExtractedText(text: "abc", title: nil, blocks: [block, empty])
    #expect(extracted.text == "abc")
    #expect(extracted.title == nil)
    #expect(extracted.blocks == [block, empty])
  }
}
