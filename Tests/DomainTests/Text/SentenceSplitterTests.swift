import Domain
import Testing

@Suite("Splitting into sentences")
struct SentenceSplitterTests {
  private func sentences(_ text: String) -> [String] {
    let bytes = Array(text.utf8)
    return SentenceSplitter.ranges(in: text).map { String(decoding: bytes[$0], as: UTF8.self) }
  }

  @Test(
    "a stop ends a sentence where one ends, and not within it",
    arguments: [
      ["One ends here.", "Two ends here!", "Is this three?", "Yes."],
      ["Dr. Smith met Mr. J. R. Jones at 3.5 p.m. near St. Paul.", "They left."],
      ["It costs 3.14 euros (approx. 4 dollars), e.g. here is no end.", "See Fig. 3 and Eq. 4."],
      ["He lives in the U.S.", "The army is large."],
      ["The U.S. Army is large."],
      ["Plan A failed, as Smith et al. (1990) said.", "Plan B held etc.", "Then came C."],
      ["Wait... what is this?", "Nobody knows…", "The end."],
      ["\u{201C}Stop!\u{201D} he said.", "\"Go.\"", "(They went.)", "All of them."],
      ["Really?!", "Yes!!!", "No."],
      ["Er kam am 3. Oktober an, d.h. Montag.", "Nr. 5 lebt z.B. Hier."],
      ["版本是3.5。", "这是第二句！", "真的吗？", "「はい。」", "終わり"],
      ["真的?", "是的!", "好"],
      ["هل هذا صحيح؟", "نعم.", "هذا صحيح."],
      ["यह पहला वाक्य है।", "यह दूसरा है॥", "तीसरा"],
      ["the slipstream .", "an experimental study was made .", "it ended ."],
      ["lower case everywhere.", "this is the second one."],
      ["Node.js and example.com are names.", "So is Yahoo."],
      ["It was shown.[12]", "Later work agreed.[3][4]", "Done."],
      ["No. 5 is alive.", "He said no.", "It was late."],
    ]
  )
  func splits(_ expected: [String]) {
    let isSpaceless = expected.joined().unicodeScalars.contains { (0x3000...0x9FFF).contains($0.value) }
    #expect(sentences(expected.joined(separator: isSpaceless ? "" : " ")) == expected)
  }

  @Test("blank lines, list items, headings and table rows end a sentence; a wrapped line does not")
  func structure() {
    let text = """
      # A title
      The first line
      goes on here

      A new paragraph:
      - one item
      - another item
        that goes on
      1. a number
      2) another
      | a | b |
      | c | d |

      founded in
      1990. The rest
      """
    #expect(
      sentences(text) == [
        "# A title", "The first line\ngoes on here", "A new paragraph:", "- one item",
        "- another item\n  that goes on", "1. a number", "2) another", "| a | b |", "| c | d |",
        "founded in\n1990.", "The rest",
      ]
    )
  }

  @Test("carriage returns count as line ends, alone and before a line feed")
  func carriageReturns() {
    #expect(sentences("one\r\n\r\ntwo\r\nstill two\r\rthree") == ["one", "two\r\nstill two", "three"])
  }

  @Test("nothing and white space alone have no sentences", arguments: ["", " ", "\n\n \t\r\n", "\u{3000}\u{A0}"])
  func empty(_ text: String) {
    #expect(SentenceSplitter.ranges(in: text).isEmpty)
  }

  @Test("every scalar that is not white space is in one sentence, and no scalar is torn", arguments: 0..<50)
  func coverage(_ seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    let text = RandomText.make(length: 300, using: &generator)
    let bytes = Array(text.utf8)
    var end = 0
    var covered = [Bool](repeating: false, count: bytes.count)
    for range in SentenceSplitter.ranges(in: text) {
      #expect(range.lowerBound >= end && !range.isEmpty)
      #expect(String(validating: bytes[range], as: UTF8.self) != nil)
      #expect(bytes.trimmingWhiteSpace(range) == range)
      for index in range { covered[index] = true }
      end = range.upperBound
    }
    #expect(RandomText.contentIndices(of: bytes).allSatisfy { covered[$0] })
  }

  @Test(
    "stops, brackets, line ends and blanks in great number are no trouble",
    arguments: [
      (".", 1), ("?", 1), ("(", 1), (". ", 50_000), ("\n", 0), (" \n", 0), (".\"", 1), ("X. ", 1), ("。", 1), ("...", 1),
      ("x。", 50_000), ("\n- ", 50_000), ("e.g. ", 1), ("Ab! ", 50_000), ("ab\n\n", 50_000),
    ]
  )
  func repeated(_ unit: String, _ count: Int) {
    #expect(SentenceSplitter.ranges(in: String(repeating: unit, count: 50_000)).count == count)
  }
}
