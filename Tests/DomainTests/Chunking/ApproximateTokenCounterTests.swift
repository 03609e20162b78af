import Domain
import Testing

@Suite("Approximate token counter")
struct ApproximateTokenCounterTests {
  @Test(
    "a word takes a token for every four bytes begun, punctuation and East Asian characters one each",
    arguments: [
      ("", 0), (" \n", 0), ("a", 1), ("word", 1), ("words", 2), ("eight888", 2), ("don't", 3), ("Привет", 3),
      ("漢字かな", 4), ("한국", 2), ("one two", 2), ("naïve", 2), ("👍", 1),
    ]
  )
  func counts(_ text: String, _ tokens: Int) {
    #expect(ApproximateTokenCounter().count(text) == tokens)
  }

  @Test("words are given by their bytes")
  func words() {
    #expect(
      ApproximateTokenCounter().words(in: " ab,漢 c") == [
        TokenizedWord(range: 1..<3, tokens: 1), TokenizedWord(range: 3..<4, tokens: 1),
        TokenizedWord(range: 4..<7, tokens: 1), TokenizedWord(range: 8..<9, tokens: 1),
      ]
    )
  }
}
