import Testing

@testable import Domain

@Suite("What is known of a model")
struct ModelProfileTests {
  private static func profile(
    _ window: Int?, _ output: Int?, _ capabilities: Set<ModelProfile.Capability>? = nil
  ) throws -> ModelProfile {
    try #require(ModelProfile(contextWindow: window, maximumOutput: output, capabilities: capabilities))
  }

  @Test("a number is above 0, and the output fits in the window")
  func edges() throws {
    #expect(try Self.profile(1, 1).maximumOutput == 1)
    #expect(try Self.profile(nil, 5).contextWindow == nil)
    for (window, output) in [(0, nil), (nil, 0), (-1, nil), (8, 9)] as [(Int?, Int?)] {
      #expect(ModelProfile(contextWindow: window, maximumOutput: output, capabilities: nil) == nil)
    }
  }

  @Test("a name that leads to several models takes what one of them takes, if all are known")
  func most() throws {
    let (small, large) = (try Self.profile(8_000, 1_000, [.tools]), try Self.profile(100, 100, [.json]))
    #expect(ModelProfile.most(of: [small, large]) == (try Self.profile(8_000, 1_000, [.tools, .json])))
    #expect(ModelProfile.most(of: [small]) == small)
    #expect(ModelProfile.most(of: [small, .unknown]) == .unknown)
  }

  @Test(
    "the fewest tokens of a text are its words, or its bytes by those of the longest token",
    arguments: [
      ("", 0), ("a", 1), ("?", 1), ("one two", 2), (" one\n\ttwo  3 ", 3), ("don't-stop", 1), ("üben Жук", 2),
      // Signs may share a token with the line break before them, and other scripts have no blanks.
      ("};\n//};\n//", 1), ("河川 河川", 1), ("\u{A0} \u{A0} \u{2003} \u{3000}", 1),
      (String(repeating: "x", count: 256), 1), (String(repeating: "x", count: 257), 2),
    ])
  func fewest(text: String, tokens: Int) {
    #expect(FewestTokens.count(text) == tokens)
  }

  @Test("an estimate is what the counter has, and at least one token for four bytes")
  func estimate() {
    let counter = ApproximateTokenCounter()
    #expect(counter.estimate("one two three") == max(counter.count("one two three"), 4))
    let long = String(repeating: "x", count: 4_000)
    #expect(counter.estimate(long) >= 1_000)
  }
}
