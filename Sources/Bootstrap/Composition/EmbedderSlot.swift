import Application
import Domain
import Embeddings
import Foundation
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
  private let state = Mutex(State.idle)
  private let approximate = ApproximateTokenCounter()

  /// Makes an empty slot for the model in a folder.
  init(directory: URL, threads: Int) {
    self.directory = directory
    self.threads = threads
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
      Thread.detachNewThread { [directory, threads] in
        continuation.resume(returning: Self.read(directory, threads: threads))
      }
    }
    state.withLock { $0 = loaded }
    return loaded
  }

  private static func read(_ directory: URL, threads: Int) -> State {
    do { return .ready(try MiniLMEmbedder.load(from: directory, limits: .init(threads: threads))) } catch {
      return .absent("\(error); run: opentier models fetch")
    }
  }

  /// The tokens of a text by the model's vocabulary, or nearly, while there is none.
  func count(_ text: String) -> Int { counter.count(text) }

  /// The words of a text, measured by the same.
  func words(in text: String) -> [TokenizedWord] { counter.words(in: text) }

  private var counter: any TokenCounter { embedder?.tokenizer ?? approximate }
}
