import Application
import Domain
import Embeddings
import Foundation
import Testing

@testable import LanguageModels

@Suite(
  "The extractive model with all-MiniLM-L6-v2",
  .enabled(if: MiniLM.isThere, "the model's weights are not in the cache folder: opentier models fetch"))
struct ExtractiveMeaningTests {
  private static let notes = [
    "The office in Hamburg opens at eight o'clock on weekdays. Employees receive thirty days of paid vacation each "
      + "year. New hires get a laptop on their first day.",
    "Expense reports must be submitted within four weeks of the trip. Passwords must have at least ten characters.",
    "Production deployments happen on Tuesdays and Thursdays after the release meeting. The on-call engineer restarts "
      + "the payment service when its queue exceeds 10,000 messages. Backups of the PostgreSQL database are taken "
      + "every six hours and kept for 30 days.",
    "The Eiffel Tower is 330 metres tall. Zephyr pumps need 4.2 bar of inlet pressure. We decided to use SQLite "
      + "because it needs no server.",
  ]

  @Test(
    "a question that the passages answer gets the sentence that answers it",
    arguments: [
      ("When does the Hamburg office open?", "The office in Hamburg"), ("How much holiday do I get?", "thirty days"),
      ("What is the deadline for handing in travel costs?", "Expense reports"),
      ("On which days do we ship?", "Tuesdays"),
      ("How often is the data saved?", "every six hours"), ("How high is the Eiffel tower?", "330 metres"),
      ("Why did we choose SQLite?", "needs no server"), ("When do I get my computer?", "laptop"),
      ("pump pressure", "4.2 bar"), ("Wann öffnet das Büro in Hamburg?", "The office in Hamburg"),
    ])
  func related(question: String, expected: String) async throws {
    let outcome = await extract(question, from: sources(Self.notes), embedder: try MiniLM.embedder)
    #expect(outcome.text.contains(expected))
    #expect(try !outcome.result.get().quotes.isEmpty)
  }

  @Test(
    "a question about something else gets none",
    arguments: [
      "What is the dental plan?", "Who is the CEO?", "What is the capital of France?", "How do I cook pasta?",
      "Which printer should I use?", "What does the Louvre cost?", "When is the summer party?", "Tell me a joke",
      "What is the weather tomorrow?", "How does Kafka replicate partitions?", "Who won the football match?",
      "When was the Brooklyn Bridge built?", "What is the boiling point of water?",
      "What is the parental leave policy?",
    ])
  func unrelated(question: String) async throws {
    let outcome = await extract(question, from: sources(Self.notes), embedder: try MiniLM.embedder)
    #expect(outcome.text == ExtractiveLanguageModel.nothingFound)
    #expect(try outcome.result.get().quotes.isEmpty)
  }
}

/// The embedder, loaded once, where its weights are.
private enum MiniLM {
  private static let folder = URL(
    filePath: ProcessInfo.processInfo.environment["HOME"] ?? "/"
  ).appending(
    path: ".cache/opentier/models/all-MiniLM-L6-v2")

  static var isThere: Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: "model.safetensors").path)
  }

  private static let loaded = Result { try MiniLMEmbedder.load(from: folder) }

  static var embedder: MiniLMEmbedder {
    get throws { try loaded.get() }
  }
}
