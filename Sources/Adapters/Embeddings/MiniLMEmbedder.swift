package import Application
package import Domain
package import FoundationEssentials

/// The all-MiniLM-L6-v2 sentence embedder, computed in this process in 32-bit floating point.
///
/// Mean pooling over all tokens, vectors of length 1, 384 wide; texts are cut to 256 tokens with `[CLS]` and `[SEP]`.
/// The same text gives the same vector, bit for bit, alone or in any batch on one machine.
package final class MiniLMEmbedder: Embedder {
  /// What one embedder may take of the machine.
  package struct Limits: Hashable, Sendable {
    /// The threads that compute, at least 1; each request is on one of them at a time.
    package var threads: Int
    /// The requests that may wait for a thread; further ones fail at once with `unavailable`.
    package var waitingRequests: Int
    /// The texts of one request; more are `rejected`.
    package var textsPerRequest: Int

    /// Limits, by default a thread a core, 1,024 waiting requests and 4,096 texts a request.
    package init(
      threads: Int = ProcessInfo.processInfo.activeProcessorCount,
      waitingRequests: Int = 1024,
      textsPerRequest: Int = 4096
    ) {
      self.threads = max(1, threads)
      self.waitingRequests = max(0, waitingRequests)
      self.textsPerRequest = max(1, textsPerRequest)
    }
  }

  package let model = EmbeddingModel(name: "all-MiniLM-L6-v2", dimensions: 384, maximumTokens: 256)

  /// The model's own tokenizer, for sizing chunks.
  package let tokenizer: BertTokenizer
  private let pool: EmbeddingPool
  private let limits: Limits

  private init(tokenizer: BertTokenizer, encoder: BertEncoder, limits: Limits) {
    self.tokenizer = tokenizer
    self.limits = limits
    pool = EmbeddingPool(
      encoder: encoder,
      tokenizer: tokenizer,
      maximumTokens: model.maximumTokens,
      limits: limits
    )
  }

  /// Loads the model from a folder with `model.safetensors` and `vocab.txt`.
  ///
  /// Reads 43 MB and blocks for about 50 ms once the file is cached. Structure, types and sizes are checked;
  /// `ModelFiles.verify` compares the content too.
  ///
  /// - Throws: `ModelLoadingFailure`, naming the file.
  package static func load(from directory: URL, limits: Limits = Limits()) throws(ModelLoadingFailure) -> MiniLMEmbedder
  {
    let weightsPath = directory.appending(path: ModelFiles.weights.name).path
    let vocabularyPath = directory.appending(path: ModelFiles.vocabulary.name).path
    let weightsFile = try MappedFile(path: weightsPath)
    let vocabularyFile = try MappedFile(path: vocabularyPath)
    guard let vocabulary = String(validating: vocabularyFile.bytes, as: UTF8.self) else {
      throw .corrupt(path: vocabularyPath, reason: "it is not UTF-8")
    }
    let tokenizer: BertTokenizer
    do {
      tokenizer = try BertTokenizer(vocabulary: vocabulary)
    } catch {
      throw .corrupt(path: vocabularyPath, reason: error.description)
    }
    let weights: BertWeights
    do {
      weights = try BertWeights(SafetensorsFile(weightsFile), shape: .miniLM)
    } catch {
      throw .corrupt(path: weightsPath, reason: error.description)
    }
    guard tokenizer.vocabularySize == weights.vocabularySize else {
      let reason = "it has \(tokenizer.vocabularySize) tokens, the weights have \(weights.vocabularySize)"
      throw .corrupt(path: vocabularyPath, reason: reason)
    }
    return MiniLMEmbedder(tokenizer: tokenizer, encoder: BertEncoder(weights: weights), limits: limits)
  }

  /// Unit-length vectors, one per text and in its order; texts over 256 tokens are cut.
  ///
  /// Cancelling returns at once; the group of texts in hand is still computed, and nothing after it.
  ///
  /// - Throws: `.rejected` for more texts than a request may have, `.unavailable` while too many requests wait,
  ///   `.cancelled` if the calling task is.
  package func embed(_ texts: [String]) async throws(EmbeddingFailure) -> [Embedding] {
    if Task.isCancelled { throw .cancelled }
    if texts.isEmpty { return [] }
    guard texts.count <= limits.textsPerRequest else {
      throw .rejected("\(texts.count) texts are more than the \(limits.textsPerRequest) of one request")
    }
    let request = EmbeddingRequest(texts)
    guard pool.submit(request) else {
      throw .unavailable("\(limits.waitingRequests) requests wait to be embedded already; try again later")
    }
    return try await withTaskCancellationHandler {
      await request.outcome()
    } onCancel: {
      request.finish(.failure(.cancelled))
      pool.withdraw(request)
    }.get()
  }
}
