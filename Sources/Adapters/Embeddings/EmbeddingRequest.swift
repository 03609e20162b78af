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

  /// The tokens of the next texts, as many as have at most `room` tokens together; with `isFirst` one more than fits.
  ///
  /// None when the outcome is set already or the next text is too long for what is left.
  func take(
    _ tokenizer: BertTokenizer, maximum: Int, room: Int, isFirst: Bool
  ) -> [[Int32]] {
    progress.withLock { progress in
      var sequences: [[Int32]] = []
      var rows = 0
      while progress.next < texts.count, !isFinished {
        let tokens = progress.pending ?? tokenizer.encode(texts[progress.next], maximum: maximum)
        guard rows + tokens.count <= room || isFirst && sequences.isEmpty else {
          progress.pending = tokens
          break
        }
        progress.pending = nil
        progress.next += 1
        rows += tokens.count
        sequences.append(tokens)
      }
      return sequences
    }
  }

  /// Takes the vectors of what was taken last, and finishes with the last of all; true if there is more to do.
  func give(_ vectors: some Collection<[Float]>) -> Bool {
    progress.withLock { progress in
      for vector in vectors {
        // Weights that are not finite make every component not a number.
        guard vector.allSatisfy(\.isFinite) else {
          finish(.failure(.unavailable("the model's weights give no finite vector")))
          return false
        }
        progress.embeddings.append(Embedding(vector))
      }
      if isFinished { return false }
      if progress.next < texts.count { return true }
      finish(.success(progress.embeddings))
      return false
    }
  }

  /// Whether every text was taken, or none is wanted any more.
  var isTaken: Bool { isFinished || progress.withLock { $0.next == texts.count } }

  private var isFinished: Bool { answer.withLock { $0.outcome != nil } }
}
