package import Application
package import Domain
package import FoundationEssentials

/// The all-MiniLM-L6-v2 sentence embedder, computed in this process.
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

  /// What the dense layers compute in.
  package enum Arithmetic: String, CaseIterable, Sendable {
    /// The fastest that this processor has and whose vectors pass the check at loading.
    case automatic = "auto"
    /// bfloat16, where the build has oneDNN, the processor AVX-512 and the check passes; 32-bit floating point elsewhere.
    case bfloat16 = "bf16"
    /// 16-bit fixed point, where the processor has AVX-512 VNNI and the check passes; 32-bit floating point elsewhere.
    case int16
    /// 32-bit floating point.
    case float32 = "f32"
  }

  /// What the dense layers compute in: `f32`, `int16` or `bf16`.
  package let arithmetic: String
  /// Why it is not the one that was asked for, or not the fastest of the processor; `nil` when it is.
  package let arithmeticFault: String?
  /// The model's own tokenizer, for sizing chunks.
  package let tokenizer: BertTokenizer
  private let pool: EmbeddingPool
  private let limits: Limits

  private init(tokenizer: BertTokenizer, choice: ArithmeticChoice, limits: Limits) {
    self.tokenizer = tokenizer
    arithmetic = choice.encoder.weights.arithmetic.name
    arithmeticFault = choice.fault
    self.limits = limits
    pool = EmbeddingPool(
      encoder: choice.encoder,
      tokenizer: tokenizer,
      maximumTokens: model.maximumTokens,
      limits: limits
    )
  }

  /// Loads the model from a folder with `model.safetensors` and `vocab.txt`.
  ///
  /// Reads 43 MB and blocks for about 0.1 s once the file is cached. An arithmetic other than 32-bit floating point is
  /// held against that before it is used; see `arithmeticFault`. Structure, types and sizes are checked;
  /// `ModelFiles.verify` compares the content too.
  ///
  /// - Throws: `ModelLoadingFailure`, naming the file.
  package static func load(
    from directory: URL,
    limits: Limits = Limits(),
    arithmetic: Arithmetic = .automatic
  ) throws(ModelLoadingFailure) -> MiniLMEmbedder {
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
    let choice: ArithmeticChoice
    do {
      choice = try ArithmeticChoice(arithmetic, weights: SafetensorsFile(weightsFile), shape: .miniLM)
    } catch {
      throw .corrupt(path: weightsPath, reason: error.description)
    }
    let rows = choice.encoder.weights.vocabularySize
    guard tokenizer.vocabularySize == rows else {
      let reason = "it has \(tokenizer.vocabularySize) tokens, the weights have \(rows)"
      throw .corrupt(path: vocabularyPath, reason: reason)
    }
    return MiniLMEmbedder(tokenizer: tokenizer, choice: choice, limits: limits)
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
      await request.answer.value()
    } onCancel: {
      request.answer.give(.failure(.cancelled))
      pool.withdraw(request)
    }.get()
  }
}
