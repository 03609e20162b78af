import Application
import Domain
import Foundation
import Testing

@Suite("Storage contract: documents")
struct DocumentRepositoryTests {
  @Test("documents are listed by their last change, ties by id, page by page", arguments: StorageUnderTest.all)
  func listing(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      for byte in UInt8(1)...5 {
        try await storage.publish(
          .sample("text \(byte)", documentID: .repeating(byte)), as: .sample(sourceURI: "\(byte)"), at: seconds(10))
      }
      try await storage.publish(.sample("newer"), as: .sample(sourceURI: "2"), at: seconds(20))
      try await storage.publish(.sample("foreign"), as: .sample(in: otherOrganization), at: seconds(30))
      let expected = [2, 5, 4, 3, 1].map { DocumentID.repeating($0) }
      for size in [1, 2, 5] {
        let (items, _) = try await allPages(size: size) {
          try await storage.documents.documents(in: organization, page: $0)
        }
        #expect(items.map(\.id) == expected)
      }
    }
  }

  @Test("what a tenant has not is not found", arguments: StorageUnderTest.all)
  func isolation(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let draft = RevisionDraft.sample("one")
      let foreign = RevisionDraft.sample("two")
      try await storage.publish(draft)
      try await storage.publish(foreign, as: .sample(in: otherOrganization))
      for (id, tenant) in [(draft.newDocumentID, otherOrganization), (.random(), organization)] {
        #expect(try await storage.documents.document(id, in: tenant) == nil)
        await #expect(throws: StorageFailure.notFound) { try await storage.documents.revisions(of: id, in: tenant) }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.documents.text(of: id, revision: nil, in: tenant)
        }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.documents.text(of: id, revision: draft.revisionID, in: tenant)
        }
        await #expect(throws: StorageFailure.notFound) {
          try await storage.documents.delete(id, in: tenant, at: seconds(40))
        }
      }
      for revision in [foreign.revisionID, .random()] {
        await #expect(throws: StorageFailure.notFound) {
          try await storage.documents.text(of: draft.newDocumentID, revision: revision, in: organization)
        }
      }
      #expect(try await storage.documents.text(of: draft.newDocumentID, revision: nil, in: organization).text == "one")
    }
  }

  @Test("a deleted document is gone from every list and search, at every time", arguments: StorageUnderTest.all)
  func deletion(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("zebra one", vectors: [[1, 0]])
      let second = RevisionDraft.sample("zebra two", vectors: [[1, 0]])
      let other = RevisionDraft.sample("zebra other", vectors: [[0, 1]])
      try await storage.publish(first, as: .sample(sourceURI: "s"), at: seconds(10))
      try await storage.publish(second, as: .sample(sourceURI: "s"), at: seconds(20))
      try await storage.publish(other, at: seconds(20))
      #expect(try await storage.nearest([1, 0]).first == second.chunks[0].id)
      try await storage.documents.delete(first.newDocumentID, in: organization, at: seconds(40))
      let rest = other.chunks.map(\.id)
      for asOf in [nil, seconds(25)] as [Date?] {
        #expect(try await storage.find("zebra", asOf: asOf) == rest)
        #expect(try await storage.nearest([1, 0], asOf: asOf) == rest)
      }
      #expect(try await storage.find("zebra", asOf: seconds(15)).isEmpty)
      #expect(try await storage.nearest([1, 0], asOf: seconds(15)).isEmpty)
      #expect(try await storage.passages.passages(second.chunks.map(\.id), in: organization).isEmpty)
      #expect(try await storage.documents.documents(in: organization, page: PageRequest()).items.count == 1)
      await #expect(throws: StorageFailure.notFound) {
        try await storage.documents.delete(first.newDocumentID, in: organization, at: seconds(40))
      }
    }
  }

  @Test("the bytes and the source of a deleted document are new again", arguments: StorageUnderTest.all)
  func republication(_ kind: StorageUnderTest) async throws {
    try await kind.withStorage { storage in
      let first = RevisionDraft.sample("zebra", vectors: [[1, 0]])
      let second = RevisionDraft.sample("zebra", vectors: [[1, 0]])
      try await storage.publish(first, as: .sample(sourceURI: "s"), at: seconds(10))
      #expect(try await storage.nearest([1, 0]) == first.chunks.map(\.id))
      try await storage.documents.delete(first.newDocumentID, in: organization, at: seconds(40))
      #expect(
        try await storage.publish(second, as: .sample(sourceURI: "s"), at: seconds(20))
          == .created(second.newDocumentID, second.revisionID))
      #expect(try await storage.find("zebra") == second.chunks.map(\.id))
      #expect(try await storage.nearest([1, 0]) == second.chunks.map(\.id))
    }
  }
}
