import Application
import Domain
import FoundationEssentials
import Testing

@Suite("Submissions compared with documents")
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

  @Test("the document that a submission revises is not told, nor what is like it less than the threshold")
  func leftOut() async throws {
    let ada = try await world.signUp("ada")
    let text = Self.prose(seed: 1)
    let document = try await world.publish(text, by: ada).documentID
    let revision = try await world.useCases.submit(
      SubmitKnowledge.Command(title: "T", content: .text(text), documentID: document), ada)
    #expect(try await world.useCases.findSimilar(revision.id, ada).isEmpty)
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
    #expect(try await world.useCases.review.similar(to: submission, ada)?.count == 1)
    let rejected = try await world.useCases.review.reject(submission.id, note: "is there", ada)
    #expect(try await world.useCases.review.similar(to: rejected, ada) == nil)
    await #expect(throws: UseCaseFailure.notFound("there is no such submission")) {
      try await world.useCases.findSimilar(SubmissionID(UUID()), ada)
    }
  }

  /// Four hundred words that no other seed has.
  private static func prose(seed: Int) -> String {
    (0..<400).map { "w\($0)x\(seed)" }.joined(separator: " ")
  }
}

extension TestWorld {
  fileprivate func similar(to content: SubmissionContent, _ admin: Principal) async throws -> [SimilarDocument] {
    let submission = try await useCases.submit(SubmitKnowledge.Command(title: "T", content: content), admin)
    return try await useCases.findSimilar(submission.id, admin)
  }
}
