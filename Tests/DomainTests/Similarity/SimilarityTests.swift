import Domain
import Testing

@Suite("Texts compared")
struct ComparedWordsTests {
  @Test("the similarity is the share of runs of five words that two texts have in common")
  func similarity() {
    let a = ComparedWords("a b c d e f g h")
    #expect(a.similarity(to: a) == 1)
    // Four runs each, of which the first two are the same.
    #expect(a.similarity(to: ComparedWords("a b c d e f x h")) == 2.0 / 6)
    #expect(a.similarity(to: ComparedWords("h g f e d c b a")) == 0)
    #expect(a.similarity(to: ComparedWords("")) == 0)
    #expect(ComparedWords("two words").similarity(to: ComparedWords("Two words!")) == 1)
  }

  @Test("it is the same both ways, and falls with every word that is changed")
  func properties() {
    var generator = SplitMix(state: 11)
    let words = (0..<400).map { "w\($0)" }
    var changed = words
    var last = 1.0
    for index in (0..<400).shuffled(using: &generator).prefix(60) {
      changed[index] = "other\(index)"
      let (a, b) = (ComparedWords(words.joined(separator: " ")), ComparedWords(changed.joined(separator: "\n")))
      #expect(a.similarity(to: b) == b.similarity(to: a))
      #expect(a.similarity(to: b) <= last)
      last = a.similarity(to: b)
    }
    #expect((0.2...0.5).contains(last))
  }

  @Test("capitals, punctuation and line ends do not make texts differ; East Asian text is words without spaces")
  func normalisation() {
    let a = ComparedWords("The limit is four bars, not five.")
    #expect(a.hashes == ComparedWords("  the LIMIT is\nfour bars — not “five”").hashes)
    #expect(ComparedWords("流体力学").hashes.count == 4)
    #expect(ComparedWords("… — !").hashes.isEmpty)
    let text = "Größe, 流x"
    let words = ComparedWords(text)
    #expect(words.ranges.map { String(decoding: Array(text.utf8)[$0], as: UTF8.self) } == ["Größe", "流", "x"])
  }
}

@Suite("Sketches of texts")
struct TextSketchTests {
  @Test("of short texts the similarity is exact, of long ones within three standard errors")
  func estimate() {
    let short = ("a b c d e f g h", "a b c d e f x h")
    #expect(Self.sketch(short.0).similarity(to: Self.sketch(short.1)) == 2.0 / 6)
    #expect(Self.sketch("").similarity(to: Self.sketch("a b c d e")) == 0)
    var generator = SplitMix(state: 5)
    let words = (0..<20_000).map { "w\($0)" }
    for changes in [0, 100, 500, 1_500, 3_000] {
      var changed = words
      for index in (0..<words.count).shuffled(using: &generator).prefix(changes) { changed[index] = "other\(index)" }
      let (first, second) = (words.joined(separator: " "), changed.joined(separator: " "))
      let exact = ComparedWords(first).similarity(to: ComparedWords(second))
      let estimate = Self.sketch(first).similarity(to: Self.sketch(second))
      #expect(abs(exact - estimate) < 0.1, "\(changes) changes: \(exact), estimated \(estimate)")
      #expect(estimate == Self.sketch(second).similarity(to: Self.sketch(first)))
    }
  }

  @Test("a sketch holds no more than its size")
  func size() {
    #expect(Self.sketch((0..<20_000).map { "w\($0)" }.joined(separator: " ")).hashes.count == TextSketch.size)
    #expect(Self.sketch("a b c d e f").hashes.count == 2)
  }

  private static func sketch(_ text: String) -> TextSketch { TextSketch(ComparedWords(text)) }
}

@Suite("The passage that texts share")
struct SharedPassageTests {
  @Test("the longest common run of words is found, with its bytes in the second text")
  func longest() throws {
    let first = "Intro of another kind. The limit of the Größe is four bars at all times. Bye."
    let second = "Preface — ärger!\n\nthe limit of the größe is four bars, AT all times; and more."
    let range = try #require(SharedPassage.longest(of: ComparedWords(first), in: ComparedWords(second)))
    #expect(
      String(decoding: Array(second.utf8)[range], as: UTF8.self)
        == "the limit of the größe is four bars, AT all times")
  }

  @Test("it is as long as that of a comparison of every pair of places")
  func asBruteForce() {
    var generator = SplitMix(state: 3)
    for _ in 0..<100 {
      let texts = (0..<2).map { _ in
        (0..<60).map { _ in ["a", "b", "c"][Int.random(in: 0..<3, using: &generator)] }
      }
      let words = texts.map { ComparedWords($0.joined(separator: " ")) }
      var best = 0
      for i in 0..<60 {
        for j in 0..<60 {
          var length = 0
          while i + length < 60, j + length < 60, texts[0][i + length] == texts[1][j + length] { length += 1 }
          best = max(best, length)
        }
      }
      let range = SharedPassage.longest(of: words[0], in: words[1])
      #expect((range.map { ($0.count + 1) / 2 } ?? 0) == (best >= 5 ? best : 0))
    }
  }

  @Test("a passage that is too long is cut behind a whole word")
  func cut() {
    let words = ComparedWords("one two three four five six")
    #expect(SharedPassage.longest(of: words, in: words, maximumBytes: 12) == 0..<7)
    #expect(SharedPassage.longest(of: words, in: words, maximumBytes: 13) == 0..<13)
  }

  @Test("texts with no five words in common share nothing")
  func none() {
    #expect(SharedPassage.longest(of: ComparedWords("a b c d x"), in: ComparedWords("a b c d y")) == nil)
    #expect(SharedPassage.longest(of: ComparedWords(""), in: ComparedWords("a b c d e f")) == nil)
  }
}

/// A generator that gives the same numbers each time (S. Vigna's SplitMix64).
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
