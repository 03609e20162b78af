import Domain
import Testing

@Suite("Words of the search index")
struct SearchWordsTests {
  /// What SQLite 3.40.1 gives with FTS5's `porter unicode61 remove_diacritics 2`.
  private static let cases: [(text: String, stems: [String])] = [
    ("The Flows were MEASURED", ["the", "flow", "were", "measur"]),
    ("café CAFÉ cafe\u{301} Škoda", ["cafe", "cafe", "cafe", "skoda"]),
    ("naïve façade; Ångström", ["naiv", "facad", "angstrom"]),
    ("x1 2nd 3.14 a_b c-d", ["x1", "2nd", "3", "14", "a", "b", "c", "d"]),
    ("\u{FB01} Ⅳ ½ ²", ["\u{FB01}", "ⅳ", "½", "²"]),
    ("İstanbul STRASSE Straße", ["istanbul", "strass", "straß"]),
    ("мост جسر γέφυρα 橋橋", ["мост", "جسر", "γεφυρα", "橋橋"]),
    ("\u{301}a b\u{301} e\u{308}\u{323}x", ["a", "b", "ex"]),
    ("ｚｅｂｒａ \u{E000}zebra \u{FFFF} a\u{200D}b", ["ｚｅｂｒａ", "\u{E000}zebra", "a", "b"]),
    ("Đorđe Łódź ø ǅ n\u{2BC}t", ["đorđ", "łodz", "ø", "ǆ", "n\u{2BC}t"]),
    ("", []), (" \u{301}.'\"%", []),
  ]

  @Test("a text is split as SQLite's tokenizer splits it", arguments: cases)
  func stems(_ text: String, _ stems: [String]) {
    #expect(SearchWords.stems(in: text) == stems)
  }

  @Test("ASCII is split as it is beside other characters")
  func ascii() {
    let text = String(decoding: (0..<UInt8(128)).flatMap { [$0, $0 % 26 + 0x41, 0x31] } + [0x7A], as: UTF8.self)
    #expect(SearchWords.words(in: text) + ["e"] == SearchWords.words(in: text + " é"))
  }

  @Test("a query is its different words, in order, without function words unless there is nothing else")
  func queries() {
    #expect(SearchWords.ofQuery("What is the flow of flows, in a TUNNEL?") == ["flow", "tunnel"])
    #expect(SearchWords.ofQuery("To be or NOT to be") == ["to", "be", "or", "not"])
    let words = (0..<300).map { "w\($0)" }
    #expect(SearchWords.ofQuery(words.joined(separator: " ")) == Array(words.prefix(256)))
  }

  @Test("canonical decomposition takes letters and their marks apart, and puts marks in order")
  func decomposition() {
    let scalars = { (text: String) in text.canonicallyDecomposed.unicodeScalars.map(\.value) }
    #expect(scalars("é") == [0x65, 0x301])
    #expect(scalars("e\u{308}\u{323}") == [0x65, 0x323, 0x308])
    #expect(scalars("한") == [0x1112, 0x1161, 0x11AB])
    #expect(scalars("a\u{BF}") == [0x61, 0xBF])
    #expect(scalars("Å") == [0x41, 0x30A])
  }
}
