import Application
import Domain
import Synchronization
import Testing

@Suite("The ingestion pipeline")
struct PipelineTests {
  @Test("batches are filled across documents, and every chunk has the vector of its own text")
  func sharedBatches() async throws {
    let world = TestWorld { settings in
      settings.ingestion.batchSize = 4
      settings.ingestion.concurrentBatches = 1
    }
    let ada = try await world.signUp("ada")
    // What arrives while the first batch is computed is put together.
    world.embedder.delay(.milliseconds(30))
    try await world.queue(12, by: ada)
    await world.work(12)
    #expect(try await world.useCases.jobs.list(state: .indexed, page: PageRequest(), ada).items.count == 12)
    #expect(world.embedder.calls < 12)
    world.embedder.delay(.zero)
    for index in 0..<12 {
      let hits = try await world.useCases.search(
        SearchKnowledge.Query(text: "Title \(TestWorld.word(index)) prose", mode: .semantic, limit: 1), ada)
      #expect(hits.first?.passage.chunk.text.contains(TestWorld.word(index)) == true)
    }
  }

  @Test("a document that the embedder refuses fails alone, with its reason; those in its batch do not")
  func oneBadDocument() async throws {
    let world = TestWorld { settings in
      settings.ingestion.batchSize = 64
      settings.ingestion.concurrentBatches = 1
    }
    let ada = try await world.signUp("ada")
    world.embedder.delay(.milliseconds(20))
    world.embedder.refuse(textsWith: TestWorld.word(3))
    try await world.queue(8, by: ada)
    await world.work(8)
    let failed = try await world.useCases.jobs.list(state: .failed, page: PageRequest(), ada).items
    #expect(failed.map(\.error) == ["the model refuses uniqued"])
    #expect(failed.map(\.attempts) == [1])
    #expect(try await world.useCases.jobs.list(state: .indexed, page: PageRequest(), ada).items.count == 7)
  }

  @Test("more workers than the stages have room for finish all the same, within the limits of each")
  func fullStages() async throws {
    let extractor = CountingExtractor()
    let world = TestWorld(extractor: extractor) { settings in
      settings.ingestion.concurrentTexts = 2
      settings.ingestion.maximumBytes = 60
    }
    let ada = try await world.signUp("ada")
    try await world.queue(24, by: ada)
    await world.work(16)
    #expect(try await world.useCases.jobs.list(state: .indexed, page: PageRequest(size: 100), ada).items.count == 24)
    #expect(extractor.most <= 2)
    #expect(extractor.mostBytes <= 60)
  }

  @Test("told to stop, all workers hand their jobs back wherever they are, those that wait before a stage too")
  func handBack() async throws {
    let world = TestWorld(extractor: HangingExtractor()) { $0.ingestion.concurrentTexts = 1 }
    let ada = try await world.signUp("ada")
    try await world.queue(5, by: ada)
    let workers = Task { await world.work(5) }
    try await eventually {
      try await world.useCases.jobs.list(state: .extracting, page: PageRequest(), ada).items.count == 5
    }
    workers.cancel()
    await workers.value
    let jobs = try await world.useCases.jobs.list(state: .queued, page: PageRequest(), ada).items
    #expect(jobs.count == 5)
    #expect(jobs.allSatisfy { $0.attempts == 0 })
  }

  @Test("a stage that makes no progress for too long gives its job up for another attempt")
  func stageLimit() async throws {
    let world = TestWorld(extractor: HangingExtractor()) { settings in
      settings.ingestion.lease = 0.03
      settings.ingestion.stageLimit = 100
      settings.ingestion.retries = RetryPolicy(maximumAttempts: 1)
    }
    let ada = try await world.signUp("ada")
    try await world.queue(1, by: ada)
    let worker = Task { await world.work(1) }
    try await eventually {
      try await world.useCases.jobs.list(state: .extracting, page: PageRequest(), ada).items.first?.progress[
        .extracting]
        != nil
    }
    world.clock.advance(101)
    await worker.value
    let failed = try await world.useCases.jobs.list(state: .failed, page: PageRequest(), ada).items
    #expect(failed.map(\.error) == ["nothing came of extracting within 100 seconds"])
  }
}

extension TestWorld {
  /// Submits and approves short texts, each with a word of its own.
  fileprivate func queue(_ count: Int, by admin: Principal) async throws {
    for index in 0..<count {
      let submission = try await useCases.submit(
        SubmitKnowledge.Command(title: "Title", content: .text("\(Self.word(index)) prose")), admin)
      _ = try await useCases.review.approve(submission.id, note: nil, admin)
    }
  }

  /// A word of letters alone, as the embedder of the tests knows no others; one for each index up to 25.
  fileprivate static func word(_ index: Int) -> String { "unique" + String(UnicodeScalar(UInt8(97 + index))) }

  /// Works with this many workers until nothing is due.
  fileprivate func work(_ workers: Int) async {
    await withTaskGroup(of: Void.self) { group in
      for index in 0..<workers {
        group.addTask {
          do throws(UseCaseFailure) {
            while try await useCases.ingestNext(worker: "w\(index)") {}
          } catch {
            #expect(error == .cancelled)
          }
        }
      }
    }
  }
}

/// Takes the bytes as the text, slowly, and counts how much it has in its hands.
private final class CountingExtractor: TextExtractor {
  private let state = Mutex((inside: 0, most: 0, bytes: 0, mostBytes: 0))
  var most: Int { state.withLock { $0.most } }
  var mostBytes: Int { state.withLock { $0.mostBytes } }

  func extract(_ payload: Payload) async throws(ExtractionFailure) -> (text: ExtractedText, mediaType: MediaType) {
    state.withLock { state in
      state.inside += 1
      state.bytes += payload.bytes.count
      state.most = max(state.most, state.inside)
      state.mostBytes = max(state.mostBytes, state.bytes)
    }
    defer {
      state.withLock { state in
        state.inside -= 1
        state.bytes -= payload.bytes.count
      }
    }
    do { try await Task.sleep(for: .milliseconds(3)) } catch { throw .cancelled }
    return try await WholeTextExtractor().extract(payload)
  }
}
