import Domain
import Testing

@Suite("Packing passages into a budget")
struct ContextPackerTests {
  private let counter = WordCounter()
  private let text = "aa bb cc dd ee ff gg hh ii jj"

  /// Whether each source is exactly the bytes that its offsets name.
  private func areExact(_ sources: [Source], in revision: SampleRevision) -> Bool {
    sources.allSatisfy { $0.text == revision.slice($0.startOffset..<$0.endOffset) }
  }

  @Test("keeps the order, numbers from 1, and takes over who stands behind a passage")
  func order() {
    let (first, second) = (SampleRevision("one two", title: "A"), SampleRevision("three", title: "B"))
    let sources = ContextPacker.pack([first.hit(0..<7), second.hit(0..<5)], budget: 10, counter: counter)
    #expect(sources.map(\.marker) == [1, 2])
    #expect(sources.map(\.text) == ["one two", "three"])
    #expect(sources.map(\.title) == ["A", "B"])
    #expect(sources.map(\.documentID) == [first.documentID, second.documentID])
    #expect(sources[0].submittedBy == "Ada" && sources[0].approvedBy == "Grace")
  }

  @Test("a passage that does not fit gives way to a later one that does")
  func budget() {
    let (long, short) = (SampleRevision("a b c d"), SampleRevision("e f"))
    let hits = [SampleRevision("x y z").hit(0..<5), long.hit(0..<7), short.hit(0..<3)]
    #expect(ContextPacker.pack(hits, budget: 5, counter: counter).map(\.text) == ["x y z", "e f"])
    #expect(ContextPacker.pack(hits, budget: 9, counter: counter).map(\.text) == ["x y z", "a b c d", "e f"])
    #expect(ContextPacker.pack(hits, budget: 8, counter: counter).map(\.text) == ["x y z", "a b c d"])
  }

  @Test("the best passage is cut at a word's end when the budget is smaller than it")
  func cut() {
    let revision = SampleRevision("größer als alles andere")
    let sources = ContextPacker.pack([revision.hit(0..<25)], budget: 2, counter: counter)
    #expect(sources.map(\.text) == ["größer als"])
    #expect(areExact(sources, in: revision))
  }

  @Test("no budget, no sources", arguments: [0, -1])
  func noBudget(budget: Int) {
    #expect(ContextPacker.pack([SampleRevision(text).hit(0..<5)], budget: budget, counter: counter).isEmpty)
  }

  @Test("no more sources than wanted, but what overlaps one still joins it")
  func maximum() {
    let revision = SampleRevision(text)
    let hits = [revision.hit(0..<8), SampleRevision("other").hit(0..<5), revision.hit(6..<14)]
    let sources = ContextPacker.pack(hits, budget: 100, maximumSources: 1, counter: counter)
    #expect(sources.map(\.text) == ["aa bb cc dd ee"])
  }

  @Test("a source lies on the pages of all passages that it is made from")
  func pages() {
    let revision = SampleRevision(text)
    func pack(_ hits: SearchHit..., budget: Int = 100) -> [PageSpan?] {
      ContextPacker.pack(hits, budget: budget, counter: counter).map(\.pages)
    }
    let (best, other) = (
      revision.hit(9..<17, pages: PageSpan(first: 3, last: 4)), revision.hit(3..<11, pages: PageSpan(first: 2, last: 3))
    )
    #expect(pack(best, other) == [PageSpan(first: 2, last: 4)])
    #expect(pack(best, budget: 1) == [PageSpan(first: 3, last: 4)])
    #expect(pack(best, revision.hit(0..<2)) == [PageSpan(first: 3, last: 4), nil])
    #expect(pack(revision.hit(9..<17), revision.hit(3..<11)) == [nil])
  }

  @Test("overlapping passages of a revision become their union, under the better one's chunk")
  func union() {
    let revision = SampleRevision(text)
    let (best, other) = (revision.hit(9..<17), revision.hit(3..<11))
    let sources = ContextPacker.pack([best, other], budget: 100, counter: counter)
    #expect(sources.map(\.text) == ["bb cc dd ee ff"])
    #expect(sources.map(\.chunkID) == [best.passage.chunk.id])
    #expect(areExact(sources, in: revision))
  }

  @Test("a passage between two that it overlaps joins all three")
  func bridge() {
    let revision = SampleRevision(text)
    let hits = [revision.hit(0..<8), revision.hit(15..<23), revision.hit(6..<17)]
    let sources = ContextPacker.pack(hits, budget: 100, counter: counter)
    #expect(sources.map(\.text) == ["aa bb cc dd ee ff gg hh"])
    #expect(sources.map(\.marker) == [1])
  }

  @Test("only the words that a union adds count against the budget")
  func unionBudget() {
    let revision = SampleRevision(text)
    let hits = [revision.hit(0..<14), revision.hit(9..<17)]
    #expect(ContextPacker.pack(hits, budget: 6, counter: counter).map(\.text) == ["aa bb cc dd ee ff"])
    #expect(ContextPacker.pack(hits, budget: 5, counter: counter).map(\.text) == ["aa bb cc dd ee"])
  }

  @Test("what lies within a source, or is word for word the same, is dropped")
  func duplicates() {
    let revision = SampleRevision(text)
    let same = SampleRevision("aa bb cc")
    let hits = [revision.hit(0..<8), revision.hit(3..<5), revision.hit(0..<8), same.hit(0..<8)]
    #expect(ContextPacker.pack(hits, budget: 100, counter: counter).map(\.text) == ["aa bb cc"])
  }

  @Test("passages of two revisions with the same offsets stay apart")
  func revisions() {
    let hits = [SampleRevision("aa bb").hit(0..<5), SampleRevision("cc dd").hit(0..<5)]
    #expect(ContextPacker.pack(hits, budget: 100, counter: counter).count == 2)
  }

  @Test("a passage whose text is not as long as its offsets say is no source")
  func inconsistent() {
    let revision = SampleRevision("aa bb")
    let good = revision.hit(0..<5).passage
    let chunk = DocumentChunk(
      id: good.chunk.id, ordinal: 0, startOffset: 0, endOffset: 9, text: "aa bb", headings: [])
    let bad = Passage(
      chunk: chunk, documentID: good.documentID, revisionID: good.revisionID, title: "", submittedBy: "", approvedBy: ""
    )
    #expect(ContextPacker.pack([SearchHit(passage: bad, score: 1)], budget: 9, counter: counter).isEmpty)
  }

  @Test("however chunks of a text overlap, sources are exact, do not overlap and fit the budget")
  func property() {
    var generator = SystemRandomNumberGenerator()
    let revision = SampleRevision((0..<200).map { "w\($0)ö" }.joined(separator: " "))
    let edges = [0] + counter.words(in: revision.text).map(\.range.upperBound)
    for _ in 0..<200 {
      let hits = (0..<12).map { _ -> SearchHit in
        let start = Int.random(in: 0..<(edges.count - 21), using: &generator)
        let end = start + Int.random(in: 1...20, using: &generator)
        return revision.hit(edges[start]..<edges[end])
      }
      let budget = Int.random(in: 1...120, using: &generator)
      let sources = ContextPacker.pack(hits, budget: budget, counter: counter)
      #expect(areExact(sources, in: revision))
      #expect(sources.reduce(0) { $0 + counter.count($1.text) } <= budget)
      let spans = sources.map { $0.startOffset..<$0.endOffset }.sorted { $0.lowerBound < $1.lowerBound }
      #expect(zip(spans, spans.dropFirst()).allSatisfy { !$0.overlaps($1) })
      #expect(sources.map(\.marker) == Array(1...max(sources.count, 1)))
    }
  }
}
