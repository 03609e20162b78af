import Application
import Domain
import FoundationEssentials
import InMemoryStorage
import Testing

@Suite("Submissions compared with documents and with each other")
struct FindSimilarTests {
  let world = TestWorld()

  @Test("a submission that is nearly a document is told with it, how much they are alike, and the passage both have")
  func nearDuplicate() async throws {
    let ada = try await world.signUp("ada")
    let text = Self.prose(seed: 1)
    let job = try await world.publish(text, title: "Gusts", by: ada)
    for seed in 2..<8 { try await world.publish(Self.prose(seed: seed), by: ada) }
    let changed = text.replacing("w200x1 ", with: "ANOTHER word ")
    let found = try await world.similar(to: .text(changed), ada)
    let similar = try required(found.first)
    #expect(found.count == 1)
    #expect(similar.documentID == job.documentID)
    #expect(similar.revisionID == job.revisionID)
    #expect(similar.title == "Gusts")
    #expect((0.9..<1).contains(similar.similarity))
    #expect(!similar.isIdentical)
    let whole = try await world.useCases.documents.text(
      of: similar.documentID, revision: similar.revisionID, ada)
    #expect(String(decoding: Array(whole.text.utf8)[similar.range], as: UTF8.self) == similar.sharedText)
    #expect(similar.sharedText.hasPrefix("w0x1 w1x1 "))
    #expect(!similar.sharedText.contains("w200x1"))
  }

  @Test("the same text is told as identical, also from a file; another text is like nothing")
  func identical() async throws {
    let ada = try await world.signUp("ada")
    let text = Self.prose(seed: 1)
    try await world.publish(text, by: ada)
    let file = SubmissionContent.file(name: "a.txt", mediaType: .plainText, bytes: Data(text.utf8))
    for content in [SubmissionContent.text(text), file] {
      let found = try await world.similar(to: content, ada)
      #expect(found.map(\.isIdentical) == [true])
      #expect(found.map(\.similarity) == [1])
    }
    #expect(try await world.similar(to: .text(Self.prose(seed: 9)), ada).isEmpty)
    #expect(try await world.similar(to: .text("gust"), ada).isEmpty)
  }

  @Test("a text whose rare words stand among common ones is found, and one in a script without spaces")
  func scripts() async throws {
    let ada = try await world.signUp("ada")
    let common = ["the", "of", "and", "a", "in", "to", "is", "was", "it", "for"]
    func mixed(_ seed: Int) -> String {
      (0..<400).map { $0 % 5 == 0 ? "rarity\($0)x\(seed)" : common[$0 % common.count] }.joined(separator: " ")
    }
    func characters(_ seed: UInt64) -> String {
      var state = seed
      // What stands between marks of punctuation is a word of the index.
      let scalars = (0..<300).compactMap { place in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return place % 7 == 6 ? "、" : Unicode.Scalar(UInt32(0x4E00 + (state >> 33) % 20_000))
      }
      return String(String.UnicodeScalarView(scalars))
    }
    for text in [mixed(1), characters(1)] {
      let job = try await world.publish(text, by: ada)
      for seed in 2..<6 {
        try await world.publish(mixed(seed), by: ada)
        try await world.publish(characters(UInt64(seed)), by: ada)
      }
      let found = try await world.similar(to: .text(String(text.dropLast(20))), ada)
      #expect(found.map(\.documentID) == [job.documentID])
    }
  }

  @Test("the document that a submission revises is not told, nor what is like it less than the threshold")
  func leftOut() async throws {
    let ada = try await world.signUp("ada")
    let text = Self.prose(seed: 1)
    let document = try await world.publish(text, by: ada).documentID
    let revision = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "T", content: .text(text), documentID: document), ada)
    #expect(try await world.useCases.findSimilar(revision.id, ada).documents.isEmpty)
    #expect(try await world.similar(to: .text(text.prefix(text.count / 3) + Self.prose(seed: 9)), ada).isEmpty)
  }

  @Test("only an admin is told, only while it is pending; what is not there is not found")
  func rights() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let text = Self.prose(seed: 1)
    try await world.publish(text, by: ada)
    let submission = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "T", content: .text(text)), bob)
    await #expect(throws: UseCaseFailure.self) { try await world.useCases.findSimilar(submission.id, bob) }
    #expect(try await world.useCases.review.similar(to: submission, bob) == nil)
    #expect(try await world.useCases.review.similar(to: submission, ada)?.documents.count == 1)
    let rejected = try await world.useCases.review.reject(submission.id, note: "is there", ada)
    #expect(try await world.useCases.review.similar(to: rejected, ada) == nil)
    await #expect(throws: UseCaseFailure.notFound("there is no such submission")) {
      try await world.useCases.findSimilar(SubmissionID(UUID()), ada)
    }
  }

  @Test("a pending submission that is nearly the same is told, with the passage both have; what is decided is not")
  func pendingNearDuplicate() async throws {
    let ada = try await world.signUp("ada")
    let bob = try await world.signUp("bob", as: .contributor, by: ada)
    let text = Self.prose(seed: 1)
    let first = try await world.pending(.text(text), "First", bob)
    try await world.pending(.text(Self.prose(seed: 2)), "Other", bob)
    let changed = text.replacing("w200x1 ", with: "ANOTHER word ")
    let second = try await world.pending(
      .file(name: "b.txt", mediaType: .plainText, bytes: Data(changed.utf8)), "Second", bob)
    let report = try await world.useCases.findSimilar(second, ada)
    #expect(report.comparedSubmissions == 2)
    #expect(report.documents.isEmpty)
    let similar = try required(report.submissions.first)
    #expect(report.submissions.count == 1)
    #expect(similar.submissionID == first)
    #expect(similar.title == "First")
    #expect((0.9..<1).contains(similar.similarity))
    #expect(!similar.isIdentical)
    #expect(similar.sharedText.hasPrefix("w0x1 w1x1 "))
    #expect(text.contains(similar.sharedText))
    #expect(similar.sharedText.utf8.count > 1_000)
    // The other way round it is the same, and a third that is the same is told first.
    let third = try await world.pending(.text(text), "Third", bob)
    let around = try await world.useCases.findSimilar(first, ada).submissions
    #expect(around.map(\.submissionID) == [third, second])
    #expect(around.map(\.isIdentical) == [true, false])
    _ = try await world.useCases.review.reject(third, note: "is there", ada)
    #expect(try await world.useCases.findSimilar(first, ada).submissions.map(\.submissionID) == [second])
  }

  @Test("the same address submitted twice is told, in whichever spelling; another tenant's submission is not")
  func pendingAddresses() async throws {
    let ada = try await world.signUp("ada")
    for url in [
      "https://Docs.example.org/a", "https://docs.example.org/b", "https://docs.example.org:443/a#part",
    ] {
      world.fetcher.script(url, .failure(.unavailable("nobody asks before it is approved")))
    }
    let first = try await world.pending(.url("https://Docs.example.org/a"), "First", ada)
    try await world.pending(.url("https://docs.example.org/b"), "Other", ada)
    let second = try await world.pending(.url("https://docs.example.org:443/a#part"), "Second", ada)
    let report = try await world.useCases.findSimilar(second, ada)
    #expect(report.submissions.map(\.submissionID) == [first])
    #expect(report.submissions.map(\.isIdentical) == [true])
    let text = Self.prose(seed: 1)
    let mine = try await world.pending(.text(text), "Mine", ada)
    let foreign = KnowledgeSubmission(
      id: SubmissionID(UUID()), organizationID: OrganizationID(UUID()), contributorID: ada.userID, title: "Foreign",
      content: .text(byteCount: text.utf8.count), metadata: [:], documentID: nil, sourceURI: nil, createdAt: .now)
    try await world.storage.submissions.insert(foreign, content: .text(text))
    #expect(try await world.useCases.findSimilar(mine, ada).submissions.isEmpty)
  }

  @Test("only so many of the newest pending submissions are compared, and only so many are told")
  func pendingLimits() async throws {
    let world = TestWorld { settings in
      settings.similarity.pending = 3
      settings.similarity.limit = 2
    }
    let ada = try await world.signUp("ada")
    let text = Self.prose(seed: 1)
    let old = try await world.pending(.text(text), "Old", ada)
    for number in 0..<4 { try await world.pending(.text(Self.prose(seed: number + 10)), "Between", ada) }
    let new = try await world.pending(.text(text), "New", ada)
    let report = try await world.useCases.findSimilar(new, ada)
    #expect(report.comparedSubmissions == 3)
    #expect(report.submissions.isEmpty, "the old one is beyond the newest three")
    #expect(try await world.useCases.findSimilar(old, ada).submissions.map(\.submissionID) == [new])
    for _ in 0..<2 { try await world.pending(.text(text), "Again", ada) }
    #expect(try await world.useCases.findSimilar(old, ada).submissions.count == 2)
  }

  /// Four hundred words that no other seed has.
  private static func prose(seed: Int) -> String {
    (0..<400).map { "w\($0)x\(seed)" }.joined(separator: " ")
  }
}

extension TestWorld {
  /// A submission that waits for its review.
  @discardableResult
  fileprivate func pending(
    _ content: SubmissionContent, _ title: String, _ contributor: Principal
  ) async throws -> SubmissionID {
    try await useCases.submit(SubmitKnowledge.Command(title: title, content: content), contributor).id
  }

  fileprivate func similar(to content: SubmissionContent, _ admin: Principal) async throws -> [SimilarDocument] {
    let submission = try await useCases.submit(SubmitKnowledge.Command(title: "T", content: content), admin)
    return try await useCases.findSimilar(submission.id, admin).documents
  }
}
