import Domain
package import FoundationEssentials
import Synchronization

/// The embedder of the moment: there is none until its weights are loaded, or while they are missing.
package struct CurrentEmbedder: Sendable {
  private let read: @Sendable () -> (any Embedder)?

  /// Wraps where the embedder is kept.
  package init(_ read: @escaping @Sendable () -> (any Embedder)?) { self.read = read }

  /// The embedder, if there is one now.
  package func callAsFunction() -> (any Embedder)? { read() }
}

/// The embedders that this process has, by the names that vectors are kept under, and which of them serves.
///
/// Questions are compared with the vectors of one model, the serving one. Where the configuration asks for another, its
/// vectors are made in the background, and it serves once no passage lacks one.
package final class Embedders: Sendable {
  /// The model that passages are to be embedded with.
  package let wanted: String
  private let known: [String: CurrentEmbedder]
  private let state: Mutex<String>

  /// Makes a set of embedders; the wanted one serves until ``serve(_:)`` says otherwise.
  ///
  /// - Parameters:
  ///   - wanted: the model that passages are to be embedded with.
  ///   - known: the embedders by their models' names.
  package init(wanted: String, _ known: [String: CurrentEmbedder]) {
    self.wanted = wanted
    self.known = known
    state = Mutex(wanted)
  }

  /// The model whose vectors serve.
  package var serving: String { state.withLock { $0 } }

  /// The serving model's embedder, asked for at each use; there is none while it is not loaded or not configured.
  package var current: CurrentEmbedder { CurrentEmbedder { self[self.serving] } }

  /// What new passages are embedded with: the serving model, so that they are found at once, or the wanted one where
  /// nothing can make the serving one's vectors.
  package var forPassages: CurrentEmbedder { CurrentEmbedder { self[self.serving] ?? self[self.wanted] } }

  /// The embedder of a model, if there is one now.
  package subscript(model: String) -> (any Embedder)? { known[model]?() }

  /// Whether the configuration has a model of this name, loaded or not.
  package func knows(_ model: String) -> Bool { known[model] != nil }

  /// Learns from the catalog which model's vectors serve; where it names none yet, the wanted one serves.
  package func refresh(from catalog: any EmbeddingModelCatalog, at time: Date) async throws(StorageFailure) {
    let serving = try await catalog.serving()
    if let serving { return serve(serving) }
    serve(try await catalog.serve(wanted, insteadOf: nil, at: time))
  }

  /// Says which model's vectors serve, as the catalog has it.
  func serve(_ model: String) { state.withLock { $0 = model } }
}
