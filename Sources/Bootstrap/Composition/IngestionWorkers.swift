import Application
import Domain
import Embeddings
import Logging
import ServiceLifecycle

/// Works on ingestion jobs until the server stops.
struct IngestionWorkers: Service {
  /// How long a worker waits for a signal before it looks again: another process may have queued a job.
  static let pollInterval: Duration = .milliseconds(500)
  /// How often chunks without a vector are looked for: another process may have ingested without the model. Looking
  /// reads an index entry per chunk.
  static let gapInterval: Duration = .seconds(60)
  /// How long it waits when storage does not answer.
  static let failureDelay: Duration = .seconds(2)

  let useCases: IntelligenceUseCases
  let embedder: EmbedderSlot
  /// Loads a model's vectors, so that the first search does not.
  let warm: @Sendable (_ model: String) async throws -> Void
  let count: Int
  let name: String
  let logger: Logger

  /// Loads the embedder, then works; a shutdown hands running jobs back.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await loadEmbedder()
      let threads = BackgroundThreads(count: max(1, count) + 1, name: "ingestion")
      await withTaskGroup(of: Void.self) { group in
        for index in 1...max(1, count) {
          group.addTask(executorPreference: threads) { await work("\(name)-\(index)", fillsGaps: index == 1) }
        }
      }
      threads.close()
    }
  }

  private func loadEmbedder() async {
    switch await embedder.load() {
    case .ready(let embedder):
      let model = embedder.model.name
      if let fault = embedder.arithmeticFault {
        logger.warning("the embedding model does not compute as it could", metadata: ["reason": "\(fault)"])
      }
      logger.info(
        "the embedding model is loaded", metadata: ["model": "\(model)", "arithmetic": "\(embedder.arithmetic)"])
      do { try await warm(model) } catch {
        logger.warning("the vectors were not loaded ahead", metadata: ["reason": "\(error)"])
      }
    case .absent(let reason):
      logger.warning("no embedding model: search finds by words alone", metadata: ["reason": "\(reason)"])
    case .idle, .loading: break
    }
  }

  private func work(_ worker: String, fillsGaps: Bool) async {
    var nextGapCheck = ContinuousClock.now
    while !Task.isCancelled {
      let generation = useCases.signal.generation
      do throws(UseCaseFailure) {
        if try await useCases.ingestNext(worker: worker) { continue }
        if fillsGaps, ContinuousClock.now >= nextGapCheck {
          if try await useCases.embedMissing() > 0 { continue }
          nextGapCheck = .now + Self.gapInterval
        }
      } catch {
        if error == .cancelled { return }
        logger.error("an ingestion worker cannot go on", metadata: ["worker": "\(worker)", "reason": "\(error)"])
        try? await Task.sleep(for: Self.failureDelay)  // Ends early only when cancelled, which the loop sees.
        continue
      }
      await useCases.signal.wait(since: generation, upTo: Self.pollInterval)
    }
  }
}

/// Removes expired sessions now and then.
struct SessionSweeper: Service {
  /// How often.
  static let interval: Duration = .seconds(3_600)

  let sessions: any SessionRepository
  let clock: WallClock
  let logger: Logger

  /// Sweeps until the server stops.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        do throws(StorageFailure) {
          let count = try await sessions.deleteExpired(at: clock.now())
          if count > 0 { logger.debug("expired sessions removed", metadata: ["count": "\(count)"]) }
        } catch {
          if error != .cancelled {
            logger.warning("expired sessions were not removed", metadata: ["reason": "\(error)"])
          }
        }
        try? await Task.sleep(for: Self.interval)  // Ends early only when cancelled, which the loop sees.
      }
    }
  }
}
