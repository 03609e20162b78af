import Application
import Domain
import Embeddings
import Foundation
import Settings
import Synchronization

/// Where the embedding model is kept: empty until its weights are loaded, so that the server starts without waiting.
final class EmbedderSlot: TokenCounter {
  /// Whether there is a model, and if not, why.
  enum State: Sendable {
    /// Nobody has begun to load it.
    case idle
    /// It is being loaded.
    case loading
    /// It serves.
    case ready(MiniLMEmbedder)
    /// It is not there; says why and what to do.
    case absent(String)
  }

  private let directory: URL
  private let threads: Int
  private let arithmetic: MiniLMEmbedder.Arithmetic
  private let state = Mutex(State.idle)
  private let approximate = ApproximateTokenCounter()

  /// Makes an empty slot for the model in a folder.
  init(directory: URL, threads: Int, arithmetic: MiniLMEmbedder.Arithmetic) {
    self.directory = directory
    self.threads = threads
    self.arithmetic = arithmetic
  }

  /// Whether there is a model, and if not, why.
  var current: State { state.withLock { $0 } }

  /// The model, if it serves.
  var embedder: MiniLMEmbedder? {
    if case .ready(let embedder) = current { embedder } else { nil }
  }

  /// Loads the model on a thread of its own; a model that cannot be loaded leaves the slot absent, with the reason.
  func load() async -> State {
    let begins = state.withLock { state in
      if case .idle = state {
        state = .loading
        return true
      }
      return false
    }
    guard begins else { return current }
    let loaded = await withCheckedContinuation { (continuation: CheckedContinuation<State, Never>) in
      Thread.detachNewThread { [directory, threads, arithmetic] in
        continuation.resume(returning: Self.read(directory, threads: threads, arithmetic: arithmetic))
      }
    }
    state.withLock { $0 = loaded }
    return loaded
  }

  private static func read(_ directory: URL, threads: Int, arithmetic: MiniLMEmbedder.Arithmetic) -> State {
    do {
      let limits = MiniLMEmbedder.Limits(threads: threads)
      return .ready(try MiniLMEmbedder.load(from: directory, limits: limits, arithmetic: arithmetic))
    } catch {
      return .absent("\(error); run: opentier models fetch")
    }
  }

  /// The tokens of a text by the model's vocabulary, or nearly, while there is none.
  func count(_ text: String) -> Int { counter.count(text) }

  /// The words of a text, measured by the same.
  func words(in text: String) -> [TokenizedWord] { counter.words(in: text) }

  private var counter: any TokenCounter { embedder?.tokenizer ?? approximate }
}

extension MiniLMEmbedder.Arithmetic {
  /// The arithmetic that the configuration names.
  init(_ configured: ServerConfiguration.Embedding.Arithmetic) {
    self =
      switch configured {
      case .auto: .automatic
      case .bf16: .bfloat16
      case .int16: .int16
      case .f32: .float32
      }
  }
}
