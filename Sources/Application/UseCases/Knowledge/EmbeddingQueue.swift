import Domain
import Synchronization

/// Fills the embedder's batches across documents: short documents share one, and a long one is in several at a time, so
/// that all of the embedder's threads have work.
///
/// A batch that fails is tried again document by document, so that only the document at fault fails.
final class EmbeddingQueue: Sendable {
  /// The sizes of batches.
  struct Limits: Hashable, Sendable {
    /// The most texts of a batch.
    var texts: Int
    /// The most UTF-8 bytes of a batch.
    var bytes: Int
    /// How many batches are computed at once.
    var batches: Int
  }

  /// A text of a document.
  private struct Item {
    let request: DocumentTexts
    let index: Int
    var text: String { request.texts[index] }
  }

  private struct State {
    /// In the order in which they came.
    var waiting: [Item] = []
    /// Cut already; the first is next.
    var planned: [[Item]] = []
    var runners = 0
  }

  private let limits: Limits
  private let state = Mutex(State())

  init(limits: Limits) { self.limits = limits }

  /// How many texts one document may have waiting so that every batch can be filled from it alone, several times over:
  /// the last batches of a round leave threads without work.
  var window: Int { max(1, limits.texts) * max(1, limits.batches) * 4 }

  /// The vectors of a document's texts, in their order.
  ///
  /// - Throws: what the embedder throws for these texts; `.cancelled` at once when the task is.
  func embed(_ texts: [String], by embedder: any Embedder) async throws(EmbeddingFailure) -> [Embedding] {
    if Task.isCancelled { throw .cancelled }
    if texts.isEmpty { return [] }
    let request = DocumentTexts(texts, embedder)
    let newRunners = state.withLock { state in
      state.waiting += texts.indices.map { Item(request: request, index: $0) }
      let needed = min(texts.count, max(1, limits.batches) - state.runners)
      state.runners += needed
      return needed
    }
    // Not children of this task: they also work for other documents, and end when nothing waits.
    for _ in 0..<newRunners { Task { await run() } }
    return try await withTaskCancellationHandler {
      await request.answer.value()
    } onCancel: {
      request.answer.give(.failure(.cancelled))
      state.withLock { state in state.waiting.removeAll { $0.request === request } }
    }.get()
  }

  private func run() async {
    while let batch = next() { await compute(batch) }
  }

  /// The next batch with anything to do; none ends the runner.
  private func next() -> [Item]? {
    state.withLock { state in
      while true {
        if state.planned.isEmpty { plan(&state) }
        guard !state.planned.isEmpty else {
          state.runners -= 1
          return nil
        }
        let batch = state.planned.removeFirst().filter { !$0.request.answer.isGiven }
        if !batch.isEmpty { return batch }
      }
    }
  }

  /// Cuts the texts that came first into batches for one embedder.
  private func plan(_ state: inout State) {
    guard let embedder = state.waiting.first?.request.embedder else { return }
    var taken: [Item] = []
    var left: [Item] = []
    for item in state.waiting {
      if taken.count < window, item.request.embedder.model == embedder.model {
        taken.append(item)
      } else {
        left.append(item)
      }
    }
    state.waiting = left
    let batches = EmbeddingBatches.plan(
      lengths: taken.map { $0.text.utf8.count }, maximumTexts: limits.texts, maximumBytes: limits.bytes)
    state.planned = batches.map { $0.map { taken[$0] } }
  }

  private func compute(_ batch: [Item]) async {
    guard let embedder = batch.first?.request.embedder else { return }
    do throws(EmbeddingFailure) {
      try await embed(batch, by: embedder)
    } catch {
      var documents: [[Item]] = []
      for item in batch {
        if let place = documents.firstIndex(where: { $0[0].request === item.request }) {
          documents[place].append(item)
        } else {
          documents.append([item])
        }
      }
      guard documents.count > 1 else {
        documents.first?[0].request.fail(error)
        return
      }
      for document in documents where !document[0].request.answer.isGiven {
        do throws(EmbeddingFailure) { try await embed(document, by: embedder) } catch {
          document[0].request.fail(error)
        }
      }
    }
  }

  private func embed(_ items: [Item], by embedder: any Embedder) async throws(EmbeddingFailure) {
    let embeddings = try await embedder.embed(items.map(\.text), as: .passage)
    guard embeddings.count == items.count else {
      throw .unavailable("the embedding model answered \(items.count) texts with \(embeddings.count) vectors")
    }
    for (item, embedding) in zip(items, embeddings) { item.request.give(embedding, at: item.index) }
  }
}

/// The texts of one document on their way through batches.
private final class DocumentTexts: Sendable {
  private struct State {
    var embeddings: [Embedding?]
    var missing: Int
  }

  let texts: [String]
  let embedder: any Embedder
  let answer = Answer<Result<[Embedding], EmbeddingFailure>>()
  private let state: Mutex<State>

  init(_ texts: [String], _ embedder: any Embedder) {
    self.texts = texts
    self.embedder = embedder
    state = Mutex(State(embeddings: Array(repeating: nil, count: texts.count), missing: texts.count))
  }

  /// Takes a vector; the last one finishes.
  func give(_ embedding: Embedding, at index: Int) {
    let all = state.withLock { state -> [Embedding]? in
      if state.embeddings[index] == nil { state.missing -= 1 }
      state.embeddings[index] = embedding
      return state.missing == 0 ? state.embeddings.compactMap { $0 } : nil
    }
    if let all { answer.give(.success(all)) }
  }

  /// Fails. Nobody has cancelled this document's own task when the embedder says that a batch was.
  func fail(_ failure: EmbeddingFailure) {
    let failure: EmbeddingFailure =
      failure == .cancelled ? .unavailable("the embedding model stopped in the middle of it") : failure
    answer.give(.failure(failure))
  }
}
