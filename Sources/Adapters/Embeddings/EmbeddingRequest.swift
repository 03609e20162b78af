import Application
import Domain
import Synchronization

/// One call's texts on their way through the pool, a group of texts at a time.
final class EmbeddingRequest: Sendable {
  typealias Outcome = Result<[Embedding], EmbeddingFailure>

  private struct Answer {
    var outcome: Outcome?
    var continuation: CheckedContinuation<Outcome, Never>?
  }

  private struct Progress {
    var next = 0
    /// The tokens of `texts[next]`, if they did not fit into the group before.
    var pending: [Int32]?
    var embeddings: [Embedding] = []
  }

  private let texts: [String]
  /// Held only for moments, also by a cancelling caller.
  private let answer = Mutex(Answer())
  /// Held for the length of a step; never waited for, as one worker has the request at a time.
  private let progress = Mutex(Progress())

  init(_ texts: [String]) { self.texts = texts }

  /// Waits for the outcome.
  func outcome() async -> Outcome {
    await withCheckedContinuation { continuation in
      let known = answer.withLock { answer in
        if answer.outcome == nil { answer.continuation = continuation }
        return answer.outcome
      }
      if let known { continuation.resume(returning: known) }
    }
  }

  /// Sets the outcome, unless it has one, and wakes the caller at once.
  func finish(_ outcome: Outcome) {
    let continuation = answer.withLock { answer in
      guard answer.outcome == nil else { return nil as CheckedContinuation<Outcome, Never>? }
      answer.outcome = outcome
      return answer.continuation.take()
    }
    continuation?.resume(returning: outcome)
  }

  /// Embeds the next texts, at most the workspace's rows together; true if there is more to do.
  func step(_ encoder: BertEncoder, _ tokenizer: BertTokenizer, _ workspace: EncoderWorkspace, group: Int) -> Bool {
    if isFinished { return false }
    return progress.withLock { progress in
      var sequences: [[Int32]] = []
      var rows = 0
      while progress.next < texts.count {
        let tokens = progress.pending ?? tokenizer.encode(texts[progress.next], maximum: workspace.rows)
        guard sequences.isEmpty || rows + tokens.count <= group else {
          progress.pending = tokens
          break
        }
        progress.pending = nil
        progress.next += 1
        rows += tokens.count
        sequences.append(tokens)
        if isFinished { return false }
      }
      for vector in encoder.vectors(of: sequences, in: workspace) {
        // Weights that are not finite make every component not a number.
        guard vector.allSatisfy(\.isFinite) else {
          finish(.failure(.unavailable("the model's weights give no finite vector")))
          return false
        }
        progress.embeddings.append(Embedding(vector))
      }
      if progress.next < texts.count { return true }
      finish(.success(progress.embeddings))
      return false
    }
  }

  private var isFinished: Bool { answer.withLock { $0.outcome != nil } }
}
