import Application
import Domain
import FoundationEssentials
import Testing

@Suite("Crawling a site")
struct CrawlTests {
  private static let start = "http://a.example/"
  private static let second = "http://a.example/two"

  private static func page(_ text: String, _ links: [String] = [], etag: String? = nil) -> ScriptedSite.Page {
    ScriptedSite.Page(text: text, links: links, etag: etag)
  }

  /// A world with a site of three pages that link in a ring, and one that is broken.
  private static func world(_ change: (inout UseCaseSettings) -> Void = { _ in }) async throws -> (TestWorld, Principal)
  {
    let world = TestWorld { change(&$0) }
    world.fetcher.script(start, .failure(.refused("only crawled")))
    world.site.pages = [
      start: page("The first page.", ["/two", "/missing", "http://other.example/"], etag: "1"),
      second: page("The second page.", ["/three", "/#top"]),
      "http://a.example/three": page("The third page.", ["/", "/two"]),
    ]
    return (world, try await world.signUp("ada"))
  }

  private static func submit(
    _ world: TestWorld, _ caller: Principal, depth: Int = 3, pages: Int = 100
  ) async throws -> JobID {
    let spec = CrawlSpec(url: start, maximumDepth: depth, maximumPages: pages)
    let submission = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "Site", content: .crawl(spec), metadata: ["tags": .string("web")]), caller)
    let approved = try await world.useCases.review.approve(submission.id, note: nil, caller)
    return try required(approved.jobID)
  }

  /// Works until the job has ended.
  private static func work(_ world: TestWorld, _ id: JobID, _ caller: Principal) async throws -> IngestionJob {
    for _ in 0..<1_000 {
      let job = try await world.useCases.jobs.get(id, caller)
      if job.state.isFinal { return job }
      if try await !world.useCases.ingestNext(worker: "w") { world.clock.advance(1) }
    }
    return try await world.useCases.jobs.get(id, caller)
  }

  @Test("brings each page of the host once, approved by who approved it, and tells what was not taken")
  func whole() async throws {
    let (world, ada) = try await Self.world()
    let job = try await Self.work(world, try await Self.submit(world, ada), ada)
    #expect(job.state == .indexed)
    let report = try #require(job.collection)
    #expect(report.indexed == 3)
    #expect(
      report.problems == [
        CollectionReport.Problem(key: "http://a.example/missing", state: .failed, reason: "the site answers 404")
      ])
    #expect(job.progress[.collecting] == IngestionJob.Progress(done: 4, total: 4))
    #expect(job.progress[.importing] == IngestionJob.Progress(done: 3, total: 3))
    #expect(world.site.asked.count == 4)
    #expect(!world.site.asked.contains { $0.contains("other") })
    let documents = try await world.useCases.documents.list(page: PageRequest(), ada)
    #expect(Set(documents.items.compactMap(\.sourceURI)) == [Self.start, Self.second, "http://a.example/three"])
    #expect(documents.items.allSatisfy { $0.metadata.tags == ["web"] })
  }

  @Test("brings only what has changed the next time, and tells what is gone without deleting it")
  func again() async throws {
    let (world, ada) = try await Self.world()
    _ = try await Self.work(world, try await Self.submit(world, ada), ada)
    world.site.pages[Self.second] = Self.page("The second page, mended.", ["/three"])
    world.site.pages["http://a.example/three"] = nil
    let job = try await Self.work(world, try await Self.submit(world, ada), ada)
    let report = try #require(job.collection)
    #expect(job.state == .indexed)
    #expect(report.items == [.unchanged: 1, .handedOn: 1, .gone: 1, .failed: 1])
    #expect(report.problems.map(\.state) == [.failed, .gone])
    let documents = try await world.useCases.documents.list(page: PageRequest(), ada)
    #expect(documents.items.count == 3)
    #expect(documents.items.first { $0.sourceURI == Self.second }?.revisionNumber == 2)
  }

  @Test("goes no further than its depth and its number of pages")
  func bounds() async throws {
    let (world, ada) = try await Self.world()
    let shallow = try await Self.work(world, try await Self.submit(world, ada, depth: 1), ada)
    #expect(shallow.collection?.found == 3)
    let few = try await Self.work(world, try await Self.submit(world, ada, pages: 2), ada)
    #expect(few.collection?.found == 2)
  }

  @Test("has no more jobs open than it may, and goes on as they end")
  func backPressure() async throws {
    let (world, ada) = try await Self.world { $0.collections.maximumOpenJobs = 1 }
    let id = try await Self.submit(world, ada)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    let paused = try await world.useCases.jobs.get(id, ada)
    #expect(paused.state == .queued)
    #expect(paused.collection?.openJobs == 1)
    #expect(try await Self.work(world, id, ada).collection?.indexed == 3)
  }

  @Test("what does not answer is tried again, and fails alone when it stays so")
  func flaky() async throws {
    let (world, ada) = try await Self.world()
    world.site.pages[Self.second]?.failure = .unavailable("it answers 503")
    let job = try await Self.work(world, try await Self.submit(world, ada), ada)
    #expect(job.state == .indexed)
    #expect(world.site.asked.count { $0 == Self.second } == 3)
    #expect(job.collection?.problems.first { $0.key == Self.second }?.reason == "it answers 503")
  }

  @Test("of which nothing can be taken has failed, with the reason, and goes on when it is retried")
  func nothing() async throws {
    let (world, ada) = try await Self.world()
    world.site.pages[Self.start]?.failure = .invalid("it answers 403")
    let id = try await Self.submit(world, ada)
    let job = try await Self.work(world, id, ada)
    #expect(job.state == .failed)
    #expect(job.error == "nothing of it could be taken: \(Self.start): it answers 403")
    world.site.pages[Self.start]?.failure = nil
    _ = try await world.useCases.retryJob(id, ada)
    #expect(try await Self.work(world, id, ada).state == .indexed)
  }

  @Test("is cancelled with its open jobs, by its contributor too, and nobody else")
  func cancel() async throws {
    let (world, ada) = try await Self.world { $0.collections.maximumOpenJobs = 2 }
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let id = try await Self.submit(world, ada)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    await #expect(throws: UseCaseFailure.notFound("there is no such job")) {
      try await world.useCases.cancelJob(id, bob)
    }
    let cancelled = try await world.useCases.cancelJob(id, ada)
    #expect(cancelled.state == .cancelled)
    #expect(cancelled.collection?.cancelledJobs == 2)
    world.clock.advance(60)
    #expect(try await !world.useCases.ingestNext(worker: "w"))
    await #expect(throws: UseCaseFailure.precondition("the job has ended already")) {
      try await world.useCases.cancelJob(id, ada)
    }
    _ = try await world.useCases.retryJob(id, ada)
    #expect(try await Self.work(world, id, ada).collection?.indexed == 3)
  }

  @Test("asks for what can be asked for", arguments: [(21, 10), (-1, 10), (1, 0), (1, 100_001)])
  func invalid(depth: Int, pages: Int) async throws {
    let (world, ada) = try await Self.world()
    await #expect { _ = try await Self.submit(world, ada, depth: depth, pages: pages) } throws: {
      if case .invalid = $0 as? UseCaseFailure { true } else { false }
    }
  }
}
