import Testing

@testable import PostgresStorage

@Suite("PostgreSQL search: candidates")
struct CandidateQueryTests {
  /// A few words with weights that descend, and how common they are.
  private static func words(_ bounds: [Double]) -> [BoundedWord] {
    bounds.enumerated().map { BoundedWord(lexeme: "'w\($0)'", bound: $1, chunkCount: 10 * ($0 + 1)) }
  }

  @Test("every set of words that reaches the score matches the query, whatever the words weigh")
  func completeness() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let count = Int.random(in: 1...9, using: &random)
      let bounds = (0..<count).map { _ in Double.random(in: 0.01...5, using: &random) }.sorted(by: >)
      let threshold = Double.random(in: 0...(bounds.reduce(0, +) * 1.1), using: &random)
      let query = CandidateQuery(reaching: threshold, with: Self.words(bounds))
      for set in 1..<(1 << count) {
        let members = (0..<count).filter { set >> $0 & 1 == 1 }
        guard members.reduce(0, { $0 + bounds[$1] }) >= threshold else { continue }
        #expect(Self.matches(query.text, members), "\(members) of \(bounds) for \(threshold): \(query.text)")
        #expect(members.contains { $0 < query.essentials })
      }
    }
  }

  @Test("one word that cannot reach the score by itself is not looked for alone")
  func selectivity() {
    let query = CandidateQuery(reaching: 5, with: Self.words([6, 3, 3, 1]))
    #expect(query.text == "'w0' | ('w1') & ('w2')")
    #expect(query.singles == 1)
    #expect(query.essentials == 2)
    #expect(query.postings == 30)
    #expect(CandidateQuery(reaching: 14, with: Self.words([6, 3, 3, 1])).text.isEmpty)
    #expect(CandidateQuery(any: Self.words([2, 1])).text == "'w0' | 'w1'")
  }

  @Test("the query grows little faster than its words")
  func size() {
    let words = Self.words((0..<200).map { 5 - Double($0) / 50 })
    let query = CandidateQuery(reaching: 6, with: words)
    #expect(query.text.split(separator: "'").count < 200 * 2 * 10)
  }

  @Test("as many chunks are expected to have some words together as there are when words are independent")
  func expectation() {
    // Of 1,000 chunks half have the first word, a tenth the second: 50 have both.
    let expected = ExpectedMatches([(weight: 4, holders: 100), (weight: 1, holders: 500)], of: 1_000)
    #expect((4.001...5).contains(expected.weight(ofBest: 60)))
    #expect((1.001...4).contains(expected.weight(ofBest: 150)))
    #expect((0.001...1).contains(expected.weight(ofBest: 560)))
    #expect(expected.weight(ofBest: 1_000) == 0)
  }

  /// Whether a chunk with exactly these words matches a query of `|` between clauses and `&` between their two halves.
  private static func matches(_ text: String, _ members: [Int]) -> Bool {
    let names = Set(members.map { "'w\($0)'" })
    var clauses: [String] = []
    var depth = 0
    var clause = ""
    for character in text {
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if character == "|", depth == 0 {
        clauses.append(clause)
        clause = ""
      } else {
        clause.append(character)
      }
    }
    clauses.append(clause)
    return clauses.contains { clause in
      clause.split(separator: "&").allSatisfy { half in
        half.split(whereSeparator: { " ()|".contains($0) }).contains { names.contains(String($0)) }
      }
    }
  }
}
