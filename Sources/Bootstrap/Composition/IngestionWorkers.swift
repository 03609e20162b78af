import Application
import Domain
import Embeddings
import Logging
import ServiceLifecycle
import Settings

/// Works on ingestion jobs until the server stops.
struct IngestionWorkers: Service {
  /// How long a worker waits for a signal before it looks again: another process may have queued a job.
  static let pollInterval: Duration = .milliseconds(500)
  /// How often chunks without a vector are looked for: another process may have ingested without the model. Looking
  /// reads an index entry per chunk.
  static let gapInterval: Duration = .seconds(60)
  /// How often the log tells how far the making of vectors is.
  static let reportInterval: Duration = .seconds(60)
  /// How long it waits when storage does not answer.
  static let failureDelay: Duration = .seconds(2)

  let useCases: IntelligenceUseCases
  let embedders: Embedders
  /// The model in this process.
  let builtIn: EmbedderSlot
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
    switch await builtIn.load() {
    case .ready(let embedder):
      let model = embedder.model.name
      if let fault = embedder.arithmeticFault {
        logger.warning("the embedding model does not compute as it could", metadata: ["reason": "\(fault)"])
      }
      logger.info(
        "the embedding model is loaded", metadata: ["model": "\(model)", "arithmetic": "\(embedder.arithmetic)"])
    case .absent(let reason) where embedders.serving == ServerConfiguration.Embedding.builtIn:
      logger.warning("no embedding model: search finds by words alone", metadata: ["reason": "\(reason)"])
    case .absent(let reason):
      logger.info("the embedding model of this process is not there", metadata: ["reason": "\(reason)"])
    case .idle, .loading: break
    }
    let (serving, wanted) = (embedders.serving, embedders.wanted)
    if !embedders.knows(serving) {
      logger.warning(
        "the model of the vectors is not configured any more: search finds by words alone until another serves",
        metadata: ["model": "\(serving)", "wanted": "\(wanted)"])
    }
    if serving != wanted {
      logger.notice(
        "passages are embedded anew; the former vectors serve meanwhile",
        metadata: ["model": "\(wanted)", "serving": "\(serving)"])
    }
    if embedders.current() != nil { await loadVectors(of: serving) }
  }

  private func loadVectors(of model: String) async {
    do { try await warm(model) } catch {
      logger.warning("the vectors were not loaded ahead", metadata: ["reason": "\(error)"])
    }
  }

  private func work(_ worker: String, fillsGaps: Bool) async {
    var gaps = GapFilling()
    while !Task.isCancelled {
      let generation = useCases.signal.generation
      do throws(UseCaseFailure) {
        if try await useCases.ingestNext(worker: worker) { continue }
        if fillsGaps, try await fillGaps(worker, &gaps) { continue }
      } catch {
        if error == .cancelled { return }
        logger.error("an ingestion worker cannot go on", metadata: ["worker": "\(worker)", "reason": "\(error)"])
        try? await Task.sleep(for: Self.failureDelay)  // Ends early only when cancelled, which the loop sees.
        continue
      }
      await useCases.signal.wait(since: generation, upTo: Self.pollInterval)
    }
  }

  /// When to look for missing vectors again, and how many were made since the log last told of it.
  private struct GapFilling {
    var nextCheck = ContinuousClock.now
    var made = 0
    var nextReport = ContinuousClock.now + IngestionWorkers.reportInterval
  }

  /// Makes some of the missing vectors when it is time.
  ///
  /// - Returns: whether there may be more to make at once.
  private func fillGaps(_ worker: String, _ gaps: inout GapFilling) async throws(UseCaseFailure) -> Bool {
    guard ContinuousClock.now >= gaps.nextCheck else { return false }
    let outcome: EmbedMissing.Outcome
    do throws(UseCaseFailure) { outcome = try await useCases.embedMissing(worker: worker) } catch {
      // Documents do not wait for an embedder that is away.
      gaps.nextCheck = .now + Self.gapInterval / 4
      throw error
    }
    switch outcome {
    case .embedded(let count, let model):
      gaps.made += count
      if ContinuousClock.now >= gaps.nextReport {
        logger.info("vectors were made", metadata: ["model": "\(model)", "passages": "\(gaps.made)"])
        gaps.made = 0
        gaps.nextReport = .now + Self.reportInterval
      }
      return true
    case .serves(let model, let former):
      logger.notice(
        "all passages are embedded anew: another model serves", metadata: ["model": "\(model)", "former": "\(former)"])
      await loadVectors(of: model)
      return true
    case .complete:
      gaps.nextCheck = .now + Self.gapInterval
      return false
    case .othersTurn:
      gaps.nextCheck = .now + Self.gapInterval / 4
      return false
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
