import Application
import Domain
import Foundation
import Settings
import Synchronization

/// Takes a collection in and measures searches on it.
struct Evaluation: Sendable {
  let collection: String
  let topics: [EvaluateRetrieval.Topic]
  let documents: ImportSource
  let modes: [SearchMode]
  /// Whether hybrid search is measured step by step as well.
  let steps: Bool
  let terminal: Terminal
  /// Whether nothing is told meanwhile.
  let isQuiet: Bool

  /// Measures with a configuration whose store is empty.
  func callAsFunction(_ configuration: ServerConfiguration) async throws -> EvaluationReport {
    let runs = Once<[EvaluationReport.Run]>()
    try await Assembly.run(configuration, loadingEmbedder: modes != [.lexical]) { assembly in
      let caller = try await assembly.operatorPrincipal()
      let sources = try await ingest(assembly, caller)
      runs.value = try await measure(assembly, sources, caller)
    }
    return EvaluationReport(
      format: EvaluationReport.currentFormat, collection: collection, documents: documents.count,
      profile: configuration.profile.rawValue, version: Version.current, createdAt: Date(), runs: runs.value ?? [])
  }

  /// The sources of each document that was taken in.
  private func ingest(_ assembly: Assembly, _ caller: Principal) async throws -> [DocumentID: [String]] {
    var importer = Importer(assembly, caller: caller)
    importer.namesByID = true
    let bar = ProgressBar("Ingesting", total: documents.count)
    let ingested = Ingested()
    let start = ContinuousClock.now
    try await importer(documents) { bar.show(ingested.note($0, $1)) }
    bar.end()
    let seconds = EvaluationPage.fixed((ContinuousClock.now - start) / .seconds(1), 1)
    let (sources, failed) = ingested.outcome
    terminal.message(
      "\(documents.count - failed) of \(documents.count) documents ingested in \(seconds) s, \(failed) without text")
    return sources
  }

  private func measure(
    _ assembly: Assembly, _ sources: [DocumentID: [String]], _ caller: Principal
  ) async throws -> [EvaluationReport.Run] {
    let evaluate = assembly.useCases.evaluate
    var plan: [(name: String, mode: SearchMode, evaluate: EvaluateRetrieval)] = modes.map {
      ($0.rawValue, $0, evaluate)
    }
    if steps { plan += Self.ladder.map { ($0.name, .hybrid, evaluate.with($0.steps)) } }
    var runs: [EvaluationReport.Run] = []
    for run in plan {
      if !isQuiet { terminal.progress("Measuring \(run.name) (\(topics.count) questions)") }
      do throws(UseCaseFailure) {
        let outcomes = try await run.evaluate(topics, mode: run.mode, sources: sources, caller)
        runs.append(EvaluationReport.Run(name: run.name, outcomes))
      } catch {
        throw CommandFailure(error)
      }
    }
    terminal.endProgress()
    return runs
  }

  /// The steps of hybrid search, each added to the ones before.
  static let ladder: [(name: String, steps: RetrievalSteps)] = {
    let ranks = RetrievalSteps.only(.reciprocalRank(constant: ReciprocalRankFusion.standardConstant))
    let scores = RetrievalSteps.only(.convex(semanticWeight: ConvexFusion.standardSemanticWeight))
    var parts = scores
    parts.maximumParts = RetrievalSteps().maximumParts
    var feedback = parts
    feedback.feedback = .standard
    var diverse = feedback
    diverse.diversity = 0.7
    return [
      ("ranks", ranks), ("scores", scores), ("+ parts", parts), ("+ feedback", feedback), ("+ diversity", diverse),
    ]
  }()
}

/// A value that is set once, by the body of ``Assembly/run(_:loadingEmbedder:_:)``, which returns nothing.
private final class Once<Value> {
  var value: Value?
}

/// The sources of the documents that were ingested: several, where they have the same text.
private final class Ingested: Sendable {
  private let state = Mutex((sources: [DocumentID: [String]](), count: 0, failed: 0))

  var outcome: (sources: [DocumentID: [String]], failed: Int) {
    state.withLock { ($0.sources.mapValues { $0.sorted() }, $0.failed) }
  }

  /// Notes an outcome, and says how many there are.
  func note(_ source: String, _ outcome: Importer.Outcome) -> Int {
    state.withLock { state in
      switch outcome {
      case .success(let document): state.sources[document, default: []].append(source)
      case .failure: state.failed += 1
      }
      state.count += 1
      return state.count
    }
  }
}
