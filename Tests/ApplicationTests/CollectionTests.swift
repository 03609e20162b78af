import Application
import Domain
import FoundationEssentials
import Testing

@Suite("Repositories and bulk imports")
struct CollectionTests {
  private static let spec = RepositorySpec(location: "https://a.example/r.git", reference: "main")

  private static func world() async throws -> (TestWorld, Principal) {
    let world = TestWorld()
    world.fetcher.script(spec.location, .failure(.refused("only cloned")))
    return (world, try await world.signUp("ada"))
  }

  /// Submits, approves and works until the job has ended.
  private static func run(
    _ content: SubmissionContent, source: String? = nil, _ world: TestWorld, _ caller: Principal
  ) async throws -> IngestionJob {
    let submission = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "Collection", content: content, sourceURI: source), caller)
    let id = try required(try await world.useCases.review.approve(submission.id, note: nil, caller).jobID)
    for _ in 0..<1_000 where try await !world.useCases.jobs.get(id, caller).state.isFinal {
      if try await !world.useCases.ingestNext(worker: "w") { world.clock.advance(1) }
    }
    return try await world.useCases.jobs.get(id, caller)
  }

  private static func documents(_ world: TestWorld, _ caller: Principal) async throws -> [String: Int] {
    let page = try await world.useCases.documents.list(page: PageRequest(size: 200), caller)
    return Dictionary(uniqueKeysWithValues: page.items.map { ($0.sourceURI ?? "", $0.revisionNumber) })
  }

  @Test("a repository brings its files, and the next time those that changed")
  func repository() async throws {
    let (world, ada) = try await Self.world()
    world.repository.files = [
      "a.md": "One.", "src/b.swift": "let two = 2", "c.md": "Three.", "logo.png": "x", "bin.md": "a\u{0}b",
      "empty.md": "",
    ]
    let first = try await Self.run(.repository(Self.spec), world, ada)
    #expect(first.state == .indexed)
    #expect(first.collection?.items == [.handedOn: 3, .skipped: 3])
    let source = "git:https://a.example/r.git#"
    #expect(
      try await Self.documents(world, ada) == [source + "a.md": 1, source + "src/b.swift": 1, source + "c.md": 1])

    world.repository.files = ["a.md": "One.", "src/b.swift": "let two = 3", "d.md": "Four."]
    let second = try await Self.run(.repository(Self.spec), world, ada)
    #expect(second.collection?.items == [.handedOn: 2, .unchanged: 1, .gone: 4])
    #expect(
      try await Self.documents(world, ada) == [
        source + "a.md": 1, source + "src/b.swift": 2, source + "c.md": 1, source + "d.md": 1,
      ])
  }

  @Test(
    "over the contract a repository is an https address of an allowed host, and a name",
    arguments: [
      RepositorySpec(location: "/srv/repo"), RepositorySpec(location: "http://a.example/r.git"),
      RepositorySpec(location: "file:///srv/repo"), RepositorySpec(location: "ext::sh -c x"),
      RepositorySpec(location: "https://other.example/r.git"),
      RepositorySpec(location: "https://a.example/r.git", reference: "--upload-pack=x"),
      RepositorySpec(location: "https://a.example/r.git", reference: "a:b"),
      RepositorySpec(location: "https://a.example/r.git", reference: "a..b"),
      RepositorySpec(location: "https://a.example/r.git", reference: ""),
    ])
  func refused(spec: RepositorySpec) async throws {
    let (world, ada) = try await Self.world()
    await #expect(throws: UseCaseFailure.self) {
      try await world.useCases.submit(SubmitKnowledge.Command(title: "x", content: .repository(spec)), ada)
    }
  }

  @Test("a bulk import brings a document a line, and tells of each line that is none")
  func records() async throws {
    let (world, ada) = try await Self.world()
    func lines(_ more: String) -> Data {
      Data(
        "{\"_id\":\"a\",\"title\":\"A\",\"text\":\"One.\"}\n\n{\"text\":\"Two.\",\"url\":\"http://x/two\"}\n\(more)"
          .utf8)
    }
    let bad = "no JSON\n{\"_id\":\"a\",\"text\":\"again\"}\n{\"text\":\" \"}\n{\"_id\":\"line 4\",\"text\":\"Five.\"}"
    let first = try await Self.run(.records(name: "x.jsonl", bytes: lines(bad)), source: "bulk:x", world, ada)
    #expect(first.collection?.items == [.handedOn: 3, .failed: 3])
    #expect(
      first.collection?.problems.map(\.reason) == [
        "it is no JSON object with the field text", "another line has the same _id", "its text is empty",
      ])
    #expect(try await Self.documents(world, ada) == ["bulk:x#a": 1, "http://x/two": 1, "bulk:x#line 4": 1])

    let changed = "{\"_id\":\"line 4\",\"text\":\"Five, and more.\"}"
    let second = try await Self.run(.records(name: "x.jsonl", bytes: lines(changed)), source: "bulk:x", world, ada)
    #expect(second.collection?.items == [.handedOn: 1, .unchanged: 2, .gone: 3])
    #expect(try await Self.documents(world, ada) == ["bulk:x#a": 1, "http://x/two": 1, "bulk:x#line 4": 2])
  }
}
