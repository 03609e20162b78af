import FoundationEssentials
import Testing

@testable import Embeddings

/// The real model on this machine, and the samples of the reference implementation.
enum ModelUnderTest {
  static let directory: URL = {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment["OPENTIER_MODEL_DIR"], !path.isEmpty { return URL(filePath: path) }
    return URL(filePath: environment["HOME"] ?? "/").appending(path: ".cache/opentier/models/all-MiniLM-L6-v2")
  }()

  /// Without the model these tests are skipped; in CI they run all the same, and fail.
  static let isExpected =
    ProcessInfo.processInfo.environment["CI"] != nil
    || ModelFiles.all.allSatisfy { FileManager.default.fileExists(atPath: directory.appending(path: $0.name).path) }

  /// The embedder, loaded once for all tests.
  static func embedder() throws -> MiniLMEmbedder { try loaded.get() }
  private static let loaded = Result { try MiniLMEmbedder.load(from: directory) }

  /// The embedder in 32-bit floating point, loaded once for all tests.
  static func exactEmbedder() throws -> MiniLMEmbedder { try loadedExact.get() }
  private static let loadedExact = Result { try MiniLMEmbedder.load(from: directory, arithmetic: .float32) }

  static func samples<Sample: Decodable>(_ name: String, of type: Sample.Type = Sample.self) throws -> [Sample] {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let data = try Data(contentsOf: tests.appending(path: "Fixtures/embeddings").appending(path: name))
    return try data.split(separator: UInt8(ascii: "\n")).map { try JSONDecoder().decode(Sample.self, from: $0) }
  }
}

extension Trait where Self == ConditionTrait {
  /// For tests that need the weights or the vocabulary.
  static var needsModel: Self {
    .enabled(
      if: ModelUnderTest.isExpected,
      "model.safetensors or vocab.txt is not in \(ModelUnderTest.directory.path); set OPENTIER_MODEL_DIR"
    )
  }
}

struct TokenSample: Decodable {
  let text: String
  let ids: [Int32]
}

struct VectorSample: Decodable {
  let text: String
  let vector: [Float]
}
