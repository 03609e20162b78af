import Application
import Domain
import Embeddings
import HTTPServer

/// What `/readyz` looks at.
enum Readiness {
  /// How long a readiness probe waits for the storage; whoever probes gives up after a few seconds, too.
  private static let timeout: Duration = .seconds(2)

  /// Whether the storage answers.
  static func check(_ storage: Storage) -> ReadinessCheck {
    ReadinessCheck("storage") {
      await withTaskGroup(of: (state: ReadinessCheck.State, detail: String?).self) { group in
        group.addTask { await state(of: storage) }
        group.addTask {
          try? await Task.sleep(for: timeout)  // Ends early only when the storage has answered.
          return (.failed, "the storage did not answer within \(timeout / .seconds(1)) s")
        }
        let first = await group.next()
        group.cancelAll()
        return first ?? (.failed, nil)
      }
    }
  }

  /// Whether there is a model to embed questions with.
  static func check(_ embedders: Embedders, _ builtIn: EmbedderSlot) -> ReadinessCheck {
    ReadinessCheck("embedder") {
      let serving = embedders.serving
      let change = serving == embedders.wanted ? "" : "; passages are being embedded with \(embedders.wanted)"
      if embedders.current() != nil { return (.ok, serving + change) }
      guard embedders.knows(serving) else {
        return (.degraded, "search finds by words alone: the model \(serving) is not configured any more\(change)")
      }
      return switch builtIn.current {
      case .absent(let reason): (.degraded, "search finds by words alone: \(reason)\(change)")
      case .ready, .idle, .loading: (.degraded, "the model is being loaded")
      }
    }
  }

  private static func state(of storage: Storage) async -> (state: ReadinessCheck.State, detail: String?) {
    do {
      try await storage.check()
      return (.ok, nil)
    } catch let failure as StorageFailure {
      return (.failed, failure.words)
    } catch {
      return (.failed, "\(error)")
    }
  }
}
