import Application
import Domain
import FoundationEssentials
import Testing

@Suite("Knowledge")
struct KnowledgeTests {
  let world = TestWorld()

  @Test("a submission is approved, ingested stage by stage, and found; its offsets give back its bytes")
  func mainPath() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let text = "Ärger über Grenzschichten.\n\nThe boundary layer grows with the square root of the distance."
    let submission = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "Boundary layers", content: .text(text)), bob)
    #expect(submission.status == .pending)
    #expect(try await world.useCases.search(SearchKnowledge.Query(text: "boundary"), ada).isEmpty)
    let approved = try await world.useCases.review.approve(submission.id, note: "good", ada)
    let jobID = try required(approved.jobID)
    #expect(try await world.useCases.jobs.get(jobID, bob).state == .queued)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    #expect(try await !world.useCases.ingestNext(worker: "w"))
    let job = try await world.useCases.jobs.get(jobID, bob)
    #expect(job.state == .indexed)
    #expect(job.attempts == 1)
    #expect(Set(job.progress.keys).isSuperset(of: [.extracting, .chunking, .embedding]))
    for mode in SearchMode.allCases {
      let hits = try await world.useCases.search(SearchKnowledge.Query(text: "boundary layer", mode: mode), bob)
      let passage = try required(hits.first).passage
      #expect(passage.submittedBy == "Bob")
      #expect(passage.approvedBy == "Ada")
      let whole = try await world.useCases.documents.text(of: passage.documentID, revision: passage.revisionID, bob)
      let bytes = Array(whole.text.utf8)[passage.chunk.startOffset..<passage.chunk.endOffset]
      #expect(String(decoding: bytes, as: UTF8.self) == passage.chunk.text)
      #expect(whole.text == text)
    }
  }

  @Test("a decided submission cannot be decided again, and nothing changes")
  func secondDecision() async throws {
    let ada = try await world.signUp("ada")
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .text("x y")), ada)
    let first = try await world.useCases.review.approve(submission.id, note: nil, ada)
    await #expect(throws: UseCaseFailure.precondition("the submission is already approved")) {
      try await world.useCases.review.approve(submission.id, note: nil, ada)
    }
    await #expect(throws: UseCaseFailure.precondition("the submission is already approved")) {
      try await world.useCases.review.reject(submission.id, note: "no", ada)
    }
    #expect(try await world.useCases.jobs.list(state: nil, page: PageRequest(), ada).items.count == 1)
    #expect(try await world.useCases.review.get(submission.id, ada).submission.jobID == first.jobID)
  }

  @Test("roles: users do not submit, contributors do not review, and see their own submissions only")
  func roles() async throws {
    let ada = try await world.signUp("ada")
    let user = try await world.signUp("uma")
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let carl = try await world.signUp("carl", as: .contributor, by: ada)
    let command = SubmitKnowledge.Command(title: "T", content: .text("some text"))
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.submit(command, user) }
    let submission = try await world.useCases.submit(command, bob)
    await #expect(throws: UseCaseFailure.self) {
      try await world.useCases.review.approve(submission.id, note: nil, bob)
    }
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.review.get(submission.id, carl) }
    #expect(try await world.useCases.review.list(status: nil, page: PageRequest(), carl).items.isEmpty)
    #expect(try await world.useCases.review.list(status: .pending, page: PageRequest(), bob).items.count == 1)
    #expect(try await world.useCases.review.list(status: .pending, page: PageRequest(), ada).items.count == 1)
  }

  @Test("a rejection needs a note, and a rejected submission is not found by search")
  func rejection() async throws {
    let ada = try await world.signUp("ada")
    let submission = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "T", content: .text("vortex shedding")), ada)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.review.reject(submission.id, note: " ", ada) }
    let rejected = try await world.useCases.review.reject(submission.id, note: "out of date", ada)
    #expect(rejected.status == .rejected)
    #expect(rejected.note == "out of date")
    #expect(try await !world.useCases.ingestNext(worker: "w"))
    #expect(try await world.useCases.search(SearchKnowledge.Query(text: "vortex"), ada).isEmpty)
  }

  @Test("the same bytes twice make no second document, new bytes of one source a revision that asOf tells apart")
  func revisions() async throws {
    let ada = try await world.signUp("ada")
    let first = try await world.publish("The limit is four bars.", source: "file:/limits.txt", by: ada)
    let again = try await world.publish("The limit is four bars.", source: "file:/limits.txt", by: ada)
    #expect(again.state == .indexed)
    #expect(again.documentID == first.documentID)
    #expect(again.revisionID == first.revisionID)
    let between = world.clock.now
    world.clock.advance(60)
    let second = try await world.publish("The limit is nine bars.", source: "file:/limits.txt", by: ada)
    #expect(second.documentID == first.documentID)
    #expect(second.revisionID != first.revisionID)
    let now = try await world.useCases.search(SearchKnowledge.Query(text: "limit bars"), ada)
    #expect(now.map(\.passage.revisionID) == [second.revisionID])
    let then = try await world.useCases.search(SearchKnowledge.Query(text: "limit bars", asOf: between), ada)
    #expect(then.map(\.passage.revisionID) == [first.revisionID])
    let document = try required(first.documentID)
    #expect(try await world.useCases.documents.revisions(of: document, ada).map(\.number) == [2, 1])
    #expect(try await world.useCases.documents.list(page: PageRequest(), ada).items.count == 1)
  }

  @Test("a deleted document is not found any more, and only an admin deletes")
  func deletion() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let job = try await world.publish("Shock waves are thin.", by: ada)
    let id = try required(job.documentID)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.documents.delete(id, bob) }
    try await world.useCases.documents.delete(id, ada)
    #expect(try await world.useCases.search(SearchKnowledge.Query(text: "shock waves"), ada).isEmpty)
    await #expect(throws: UseCaseFailure.notFound("there is no such document")) {
      try await world.useCases.documents.get(id, ada)
    }
  }

  @Test(
    "what cannot be read fails its job for good, with the reason",
    arguments: [SubmissionContent.file(name: "x.txt", mediaType: .plainText, bytes: Data(" \n\t".utf8))])
  func permanentFailure(content: SubmissionContent) async throws {
    let ada = try await world.signUp("ada")
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: content), ada)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, ada).jobID)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    let job = try await world.useCases.jobs.get(id, ada)
    #expect(job.state == .failed)
    #expect(job.error == "there is no text in it")
  }

  @Test("a failure that may pass is tried again with growing delays, and given up in the end")
  func retries() async throws {
    let world = TestWorld { $0.ingestion.retries = RetryPolicy(maximumAttempts: 3, firstDelay: 10, maximumDelay: 100) }
    let ada = try await world.signUp("ada")
    world.embedder.fail(.unavailable("the embedder does not answer"))
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .text("abc")), ada)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, ada).jobID)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    #expect(try await !world.useCases.ingestNext(worker: "w"), "the delay is not over")
    #expect(try await world.useCases.jobs.get(id, ada).state == .queued)
    world.clock.advance(11)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    world.clock.advance(11)
    #expect(try await !world.useCases.ingestNext(worker: "w"), "the second delay is longer")
    world.clock.advance(11)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    let job = try await world.useCases.jobs.get(id, ada)
    #expect(job.state == .failed)
    #expect(job.attempts == 3)
    #expect(job.error == "the embedder does not answer")
    #expect(try await world.useCases.search(SearchKnowledge.Query(text: "abc", mode: .lexical), ada).isEmpty)
  }

  @Test("a worker that is told to stop hands its job back, and the attempt does not count")
  func handBack() async throws {
    let world = TestWorld(extractor: HangingExtractor())
    let ada = try await world.signUp("ada")
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .text("abc")), ada)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, ada).jobID)
    let worker = Task { try await world.useCases.ingestNext(worker: "w") }
    try await eventually { try await world.useCases.jobs.get(id, ada).state == .extracting }
    worker.cancel()
    await #expect(throws: UseCaseFailure.cancelled) { try await worker.value }
    let job = try await world.useCases.jobs.get(id, ada)
    #expect(job.state == .queued)
    #expect(job.attempts == 0)
  }

  @Test("a URL is refused at submission unless its host is allowed, and fetched when the job runs")
  func urls() async throws {
    let ada = try await world.signUp("ada")
    let url = "https://docs.example.org/a.txt"
    let command = SubmitKnowledge.Command(title: "T", content: .url(url))
    await #expect(throws: UseCaseFailure.precondition("the host is not allowed")) {
      try await world.useCases.submit(command, ada)
    }
    world.fetcher.script(
      url, .success(Payload(bytes: Array("Gusts load wings.".utf8), mediaType: .plainText, fileName: "a.txt")))
    let submission = try await world.useCases.submit(command, ada)
    #expect(submission.sourceURI == url)
    _ = try await world.useCases.review.approve(submission.id, note: nil, ada)
    #expect(try await world.useCases.ingestNext(worker: "w"))
    #expect(try await world.useCases.search(SearchKnowledge.Query(text: "gusts"), ada).count == 1)
  }

  @Test("what was ingested without an embedder gets its vectors later, and is then found by meaning")
  func embedMissing() async throws {
    let world = TestWorld(hasEmbedder: false)
    let ada = try await world.signUp("ada")
    try await world.publish("Flutter is an instability.", by: ada)
    #expect(try await world.useCases.embedMissing(worker: "w") == .complete)
    world.hasEmbedder.isOn = true
    #expect(try await world.useCases.embedMissing(worker: "w") == .embedded(1, model: "words"))
    #expect(try await world.useCases.embedMissing(worker: "w") == .complete)
    let hits = try await world.useCases.search(SearchKnowledge.Query(text: "flutter", mode: .semantic), ada)
    #expect(hits.count == 1)
  }

  @Test("submissions are refused at their limits")
  func limits() async throws {
    let world = TestWorld { $0.maximumSubmissionBytes = 10 }
    let ada = try await world.signUp("ada")
    func submit(_ title: String, _ text: String, _ metadata: Metadata = [:]) async throws {
      _ = try await world.useCases.submit(
        SubmitKnowledge.Command(title: title, content: .text(text), metadata: metadata), ada)
    }
    try await submit(String(repeating: "t", count: 500), "0123456789")
    await #expect(throws: UseCaseFailure.self) { try await submit(String(repeating: "t", count: 501), "0123456789") }
    await #expect(throws: UseCaseFailure.exhausted("a submission has at most 10 bytes")) {
      try await submit("t", "0123456789A")
    }
    await #expect(throws: UseCaseFailure.self) { try await submit("t", "  ") }
    var deep: MetadataValue = .string("x")
    for _ in 0..<15 { deep = .list([deep]) }
    try await submit("t", "ok", ["k": deep])
    await #expect(throws: UseCaseFailure.self) { try await submit("t", "ok", ["k": .list([deep])]) }
    try await submit("t", "ok", ["k": .list(Array(repeating: .null, count: 999))])
    await #expect(throws: UseCaseFailure.self) {
      try await submit("t", "ok", ["k": .list(Array(repeating: .null, count: 1_000))])
    }
  }

  @Test("watching a job shows its changes and ends behind the last state")
  func watch() async throws {
    let ada = try await world.signUp("ada")
    let submission = try await world.useCases.submit(SubmitKnowledge.Command(title: "T", content: .text("abc")), ada)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, ada).jobID)
    let log = JobLog()
    async let watching: Void = world.useCases.jobs.watch(id, ada, emit: log.emit)
    try await eventually { !log.states.isEmpty }
    #expect(try await world.useCases.ingestNext(worker: "w"))
    try await watching
    #expect(log.states.first == .queued)
    #expect(log.states.last == .indexed)
  }
}
