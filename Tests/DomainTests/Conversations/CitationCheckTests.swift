import Domain
import FoundationEssentials
import Testing

@Suite("Citation check")
struct CitationCheckTests {
  static func source(_ marker: Int, _ text: String = "one two three", start: Int = 100) -> Source {
    Source(
      marker: marker, documentID: DocumentID(UUID()), revisionID: RevisionID(UUID()), chunkID: ChunkID(UUID()),
      title: "T", text: text, startOffset: start, endOffset: start + text.utf8.count, submittedBy: "A",
      approvedBy: "B")
  }

  @Test(
    "markers are numbers in brackets outside code and links, each once, in order",
    arguments: [
      ("plain [1] text [2].", [1, 2]), ("[2][1][2]", [2, 1]), ("both [1, 3]", [1, 3]), ("[ 4 ]", [4]),
      ("a [1](http://x) link", []), ("`[1]` and ```\n[2]\n``` then [3]", [3]), ("[x] [] [1", []),
      ("[12345] is no marker, [1234] is", [1234]), ("é[1]漢[2]", [1, 2]), ("", []), ("[[5]]", [5]),
      ("`open [1]\n[2]", [2]),
    ])
  func markers(text: String, expected: [Int]) {
    #expect(CitationCheck.markers(in: text) == expected)
  }

  @Test("a marker that names no source is dropped")
  func unknown() {
    let sources = [Self.source(1), Self.source(2)]
    #expect(CitationCheck.citations(in: "[9] [2]", sources: sources).map(\.source) == [sources[1]])
  }

  @Test("quotes narrow their source when they are exactly its bytes, and are ignored otherwise")
  func quotes() {
    let source = Self.source(1, "äone two three")
    func quote(_ text: String, _ start: Int, _ end: Int) -> Source {
      Source(
        marker: 1, documentID: source.documentID, revisionID: source.revisionID, chunkID: source.chunkID, title: "T",
        text: text, startOffset: start, endOffset: end, submittedBy: "A", approvedBy: "B")
    }
    let exact = quote("one", 102, 105)
    for wrong in [quote("one", 103, 106), quote("two", 102, 105), quote("one", 99, 102), quote("", 105, 105)] {
      #expect(CitationCheck.citations(in: "[1]", sources: [source], quotes: [wrong]).map(\.source) == [source])
    }
    let both = CitationCheck.citations(in: "[1]", sources: [source], quotes: [exact, quote("two", 106, 109)])
    #expect(both.map(\.source.text) == ["one", "two"])
  }

  @Test("each place of a marker is found by its bytes")
  func occurrences() {
    let found = CitationCheck.occurrences(in: "Ü [1] `[2]` [3, 4]")
    #expect(found.map(\.numbers) == [[1], [3, 4]])
    #expect(found.map(\.range) == [3..<6, 13..<19])
  }

  @Test(
    "a reply without its markers is the text with them taken out",
    arguments: [
      ("Water [3].", "Water."), ("[1] Ü [2][3] end", " Ü end"), ("no marks [x] `[1]`", "no marks [x] `[1]`"), ("", ""),
    ])
  func withoutMarkers(text: String, expected: String) {
    #expect(CitationCheck.withoutMarkers(text) == expected)
  }
}
