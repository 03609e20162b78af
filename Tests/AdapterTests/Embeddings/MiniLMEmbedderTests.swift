import Application
import Domain
import FoundationEssentials
import Testing

@testable import Embeddings

@Suite("The MiniLM embedder", .needsModel)
struct MiniLMEmbedderTests {
  private static let long = String(repeating: "supersonic flow over a heated flat plate ", count: 60)

  @Test("gives one vector of length 1 a text, in the texts' order, also from several callers at once")
  func keepsOrderUnderConcurrency() async throws {
    let embedder = try ModelUnderTest.embedder()
    let samples = try ModelUnderTest.samples("vectors.jsonl", of: VectorSample.self)
    #expect(embedder.model == EmbeddingModel(name: "all-MiniLM-L6-v2", dimensions: 384, maximumTokens: 256))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for caller in 0..<6 {
        group.addTask {
          let turned = samples[caller...] + samples[..<caller]
          let embeddings = try await embedder.embed(turned.map(\.text))
          #expect(embeddings.count == samples.count)
          for (embedding, sample) in zip(embeddings, turned) {
            #expect(embedding.values.count == 384)
            #expect(abs(embedding.cosine(embedding) - 1) < 1e-5)
            #expect(embedding.cosine(Embedding(sample.vector)) >= 0.9999)
          }
        }
      }
      try await group.waitForAll()
    }
  }

  @Test("answers an empty batch with no vectors")
  func emptyBatch() async throws {
    #expect(try await ModelUnderTest.embedder().embed([]).isEmpty)
  }

  @Test("reads nothing past the 256th token")
  func cutsLongTexts() async throws {
    let embedder = try ModelUnderTest.embedder()
    let fitting = String(repeating: "the ", count: 254)
    let vectors = try await embedder.embed([fitting, fitting + "dinosaur", String(fitting.dropLast(4)) + "dinosaur"])
    #expect(vectors[0].cosine(vectors[1]) > 0.999_999)
    #expect(vectors[0].cosine(vectors[2]) < 0.999)
  }

  @Test("rejects a batch of one text more than its limit, and takes one at the limit")
  func limitsBatches() async throws {
    let embedder = try MiniLMEmbedder.load(
      from: ModelUnderTest.directory,
      limits: .init(threads: 1, textsPerRequest: 2)
    )
    #expect(try await embedder.embed(["a", "b"]).count == 2)
    await #expect(throws: EmbeddingFailure.rejected("3 texts are more than the 2 of one request")) {
      try await embedder.embed(["a", "b", "c"])
    }
  }

  @Test("fails with cancelled when its task is, before or during the work, and serves the next caller")
  func cancellation() async throws {
    let embedder = try MiniLMEmbedder.load(from: ModelUnderTest.directory, limits: .init(threads: 1))
    let texts = Array(repeating: Self.long, count: 4096)
    let early = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await embedder.embed(["a"])
    }
    await #expect(throws: EmbeddingFailure.cancelled) { try await early.value }
    let running = Task { try await embedder.embed(texts) }
    _ = try await embedder.embed(["the worker has taken turns with the long request"])
    running.cancel()
    await #expect(throws: EmbeddingFailure.cancelled) { try await running.value }
    #expect(try await embedder.embed(["next"]).count == 1)
  }

  @Test("computes nothing more for a request that was cancelled")
  func cancelledRequestsStop() async throws {
    let weights = try BertWeights(
      SafetensorsFile(MappedFile(path: ModelUnderTest.directory.appending(path: "model.safetensors").path)),
      shape: .miniLM,
      arithmetic: .float32
    )
    let encoder = BertEncoder(weights: weights)
    let workspace = EncoderWorkspace(rows: 256, shape: .miniLM)
    let tokenizer = try ModelUnderTest.embedder().tokenizer
    let request = EmbeddingRequest(["a", "b", "c"])
    // Five tokens hold one text of three, so each time one is taken.
    let taken = request.take(tokenizer, maximum: 256, room: 5, isFirst: true)
    #expect(taken.count == 1)
    #expect(request.give(encoder.vectors(of: taken, in: workspace)))
    request.answer.give(.failure(.cancelled))
    #expect(request.take(tokenizer, maximum: 256, room: 5, isFirst: true).isEmpty)
    #expect(request.isTaken)
    #expect(!request.give([]))
    #expect(await request.answer.value() == .failure(.cancelled))
  }

  @Test("lets as many requests wait as its limit says, refuses the next, and forgets those that were withdrawn")
  func limitsWaitingRequests() async throws {
    let weights = try BertWeights(
      SafetensorsFile(MappedFile(path: ModelUnderTest.directory.appending(path: "model.safetensors").path)),
      shape: .miniLM,
      arithmetic: .float32
    )
    let pool = EmbeddingPool(
      encoder: BertEncoder(weights: weights),
      tokenizer: try ModelUnderTest.embedder().tokenizer,
      maximumTokens: 256,
      limits: .init(threads: 1, waitingRequests: 2)
    )
    let requests = (0..<3).map { _ in EmbeddingRequest(Array(repeating: Self.long, count: 4096)) }
    for request in requests { #expect(pool.submit(request)) }
    #expect(!pool.submit(EmbeddingRequest(["one too many"])))
    for request in requests {
      request.answer.give(.failure(.cancelled))
      pool.withdraw(request)
    }
    let next = EmbeddingRequest(["there is room again"])
    #expect(pool.submit(next))
    #expect(try await next.answer.value().get().count == 1)
  }
}

@Suite("A model's folder")
struct ModelFolderTests {
  /// Runs `body` with a folder that is removed afterwards.
  private func withFolder(_ body: (URL) async throws -> Void) async throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "model-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try await body(folder)
  }

  @Test("is refused with the path of the file that is missing")
  func namesMissingFiles() async throws {
    try await withFolder { folder in
      let weights = folder.appending(path: "model.safetensors").path
      #expect(throws: ModelLoadingFailure.missing(path: weights)) { try MiniLMEmbedder.load(from: folder) }
      #expect(throws: ModelLoadingFailure.missing(path: weights)) { try ModelFiles.verify(folder) }
      try Data("x".utf8).write(to: URL(filePath: weights))
      let vocabulary = folder.appending(path: "vocab.txt").path
      #expect(throws: ModelLoadingFailure.missing(path: vocabulary)) { try MiniLMEmbedder.load(from: folder) }
      try Data([0xFF]).write(to: URL(filePath: vocabulary))
      #expect(throws: ModelLoadingFailure.corrupt(path: vocabulary, reason: "it is not UTF-8")) {
        try MiniLMEmbedder.load(from: folder)
      }
      try Data("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n".utf8).write(to: URL(filePath: vocabulary))
      #expect(throws: ModelLoadingFailure.corrupt(path: weights, reason: "it ends within its header")) {
        try MiniLMEmbedder.load(from: folder)
      }
      #expect(throws: ModelLoadingFailure.corrupt(path: weights, reason: "it has 1 bytes, not 90868376")) {
        try ModelFiles.verify(folder)
      }
      try FileManager.default.removeItem(at: URL(filePath: weights))
      try FileManager.default.createDirectory(at: URL(filePath: weights), withIntermediateDirectories: false)
      #expect(throws: ModelLoadingFailure.unreadable(path: weights, reason: "it is not a file")) {
        try MiniLMEmbedder.load(from: folder)
      }
    }
  }

  @Test("passes verification with the published files alone", .needsModel)
  func verifiesContent() async throws {
    try ModelFiles.verify(ModelUnderTest.directory)
    try await withFolder { folder in
      let source = try Data(contentsOf: ModelUnderTest.directory.appending(path: "vocab.txt"))
      var changed = source
      changed[changed.count - 2] ^= 1
      try changed.write(to: folder.appending(path: "vocab.txt"))
      #expect(throws: ModelLoadingFailure.self) { try ModelFiles.vocabulary.verify(in: folder) }
      try source.write(to: folder.appending(path: "vocab.txt"))
      try ModelFiles.vocabulary.verify(in: folder)
    }
  }

  @Test("is refused where vocabulary and weights are not of one model", .needsModel)
  func comparesVocabularyAndWeights() async throws {
    try await withFolder { folder in
      let weights = ModelUnderTest.directory.appending(path: "model.safetensors")
      try FileManager.default.createSymbolicLink(
        at: folder.appending(path: "model.safetensors"),
        withDestinationURL: weights
      )
      let vocabulary = folder.appending(path: "vocab.txt")
      try Data("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n".utf8).write(to: vocabulary)
      let reason = "it has 5 tokens, the weights have 30522"
      #expect(throws: ModelLoadingFailure.corrupt(path: vocabulary.path, reason: reason)) {
        try MiniLMEmbedder.load(from: folder)
      }
    }
  }

  @Test("with damaged numbers gives no vectors, but says so", .needsModel)
  func refusesVectorsThatAreNotFinite() async throws {
    try await withFolder { folder in
      var weights = try Data(contentsOf: ModelUnderTest.directory.appending(path: "model.safetensors"))
      // The first layer normalisation's offsets follow the header and the 4,096 bytes of position numbers.
      let start = 8 + 11_408 + 4096
      weights.replaceSubrange(start..<start + 4, with: [0, 0, 0xC0, 0x7F])
      try weights.write(to: folder.appending(path: "model.safetensors"))
      try Data(contentsOf: ModelUnderTest.directory.appending(path: "vocab.txt"))
        .write(to: folder.appending(path: "vocab.txt"))
      let embedder = try MiniLMEmbedder.load(from: folder, limits: .init(threads: 1))
      await #expect(throws: EmbeddingFailure.unavailable("the model's weights give no finite vector")) {
        try await embedder.embed(["a"])
      }
    }
  }
}
