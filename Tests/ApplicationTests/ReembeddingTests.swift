import Application
import Domain
import FoundationEssentials
import InMemoryStorage
import Testing

@Suite("Changing the embedding model")
struct ReembeddingTests {
  /// A world whose passages have vectors of "old", while "new" is wanted.
  private struct Change {
    let world: TestWorld
    let ada: Principal
    let old = ScriptedEmbedder("old")
    let new = ScriptedEmbedder("new")
    let embedders: Embedders

    init(hasOld: Bool = true, count: Int = 3) async throws {
      let (old, new) = (old, new)
      let embedders = Embedders(
        wanted: "new", ["old": CurrentEmbedder { hasOld ? old : nil }, "new": CurrentEmbedder { new }])
      self.embedders = embedders
      world = TestWorld(embedders: embedders)
      _ = try await world.storage.embeddingModels.serve("old", insteadOf: nil, at: world.clock.now)
      try await embedders.refresh(from: world.storage.embeddingModels, at: world.clock.now)
      ada = try await world.signUp("ada")
      for number in 0..<count {
        try await world.publish("Flutter is an instability \(number).", source: "\(number)", by: ada)
      }
    }

    func fill(_ worker: String = "w") async throws -> EmbedMissing.Outcome {
      try await world.useCases.embedMissing(worker: worker)
    }

    func found() async throws -> Int {
      try await world.useCases.search(SearchKnowledge.Query(text: "flutter", mode: .semantic), ada).count
    }
  }

  @Test("the old vectors serve until no passage lacks a new one")
  func change() async throws {
    let change = try await Change()
    #expect(change.new.calls == 0)
    #expect(try await change.found() == 3)
    #expect(try await change.fill() == .embedded(3, model: "new"))
    // What comes meanwhile gets the vectors that serve, and is found at once.
    try await change.world.publish("Flutter again.", source: "more", by: change.ada)
    #expect(change.embedders.serving == "old")
    #expect(try await change.found() == 4)
    #expect(try await change.fill() == .embedded(1, model: "new"))
    #expect(try await change.fill() == .serves("new", insteadOf: "old"))
    let calls = change.old.calls
    #expect(try await change.found() == 4)
    try await change.world.publish("And flutter once more.", source: "last", by: change.ada)
    #expect(try await change.found() == 5)
    #expect(change.old.calls == calls)
    #expect(try await change.fill() == .complete)
  }

  @Test("while the new model is away the old one serves on, and nothing is lost")
  func away() async throws {
    let change = try await Change()
    change.new.fail(.unavailable("it is away"))
    await #expect(throws: UseCaseFailure.unavailable("it is away")) { try await change.fill("a") }
    #expect(try await change.found() == 3)
    change.new.fail(nil)
    // Who cannot go on leaves the turn to the others.
    #expect(try await change.fill("b") == .embedded(3, model: "new"))
    #expect(try await change.fill("b") == .serves("new", insteadOf: "old"))
  }

  @Test("where the old model is not configured any more, words find until the new vectors are complete")
  func withoutOld() async throws {
    let change = try await Change(hasOld: false)
    await #expect(throws: UseCaseFailure.self) { try await change.found() }
    let hits = try await change.world.useCases.search(SearchKnowledge.Query(text: "flutter"), change.ada)
    #expect(hits.count == 3)
    // They were embedded with the new model at once: nothing else could.
    #expect(try await change.fill() == .serves("new", insteadOf: "old"))
    #expect(try await change.found() == 3)
  }

  @Test("former revisions are embedded anew as well, after the current ones")
  func formerRevisions() async throws {
    let change = try await Change(count: 0)
    try await change.world.publish("Flutter was feared.", source: "s", by: change.ada)
    let before = change.world.clock.now
    try await change.world.publish("Divergence is feared.", source: "s", by: change.ada)
    #expect(try await change.fill() == .embedded(1, model: "new"))
    #expect(try await change.fill() == .embedded(1, model: "new"))
    #expect(try await change.fill() == .serves("new", insteadOf: "old"))
    let hits = try await change.world.useCases.search(
      SearchKnowledge.Query(text: "flutter", mode: .semantic, asOf: before), change.ada)
    #expect(hits.map(\.passage.chunk.text) == ["Flutter was feared."])
  }

  @Test("one process makes vectors at a time; another takes over when its turn has run out")
  func turns() async throws {
    let change = try await Change()
    #expect(try await change.fill("a") == .embedded(3, model: "new"))
    #expect(try await change.fill("b") == .othersTurn)
    change.world.clock.advance(31)
    #expect(try await change.fill("b") == .serves("new", insteadOf: "old"))
    // Whoever is done leaves the turn to the others.
    #expect(try await change.fill("a") == .complete)
  }

  @Test("a look that finds nothing to make asks for no turn")
  func nothingMissing() async throws {
    let change = try await Change()
    while try await change.fill() != .complete {}
    let now = change.world.clock.now
    let taken = try await change.world.storage.embeddingModels.takeTurn("b", at: now, until: now.addingTimeInterval(30))
    try #require(taken)
    #expect(try await change.fill("a") == .complete)
    try await change.world.publish("Flutter again.", source: "more", by: change.ada)
    #expect(try await change.fill("a") == .complete)
  }

  @Test("the inventory counts each model's vectors, and those of no use are removed")
  func inventory() async throws {
    let change = try await Change()
    let manage = change.world.useCases.embeddingModels
    _ = try await change.fill()
    var status = try await manage.status()
    #expect(status.serving == "old" && status.wanted == "new")
    #expect(status.inventory.passages == 3)
    #expect(status.inventory.models.map(\.name) == ["new", "old"])
    #expect(status.inventory.models.map(\.vectors) == [3, 3])
    #expect(try await manage.prune().isEmpty)
    #expect(try await change.found() == 3)
    _ = try await change.fill()
    #expect(try await manage.prune() == ["old": 3])
    status = try await manage.status()
    #expect(status.inventory.models.map(\.name) == ["new"])
    #expect(try await change.found() == 3)
  }
}
