import Application
import Domain
import Synchronization

/// One call's texts on their way through the pool, a group of texts at a time.
final class EmbeddingRequest: Sendable {
  private struct Progress {
    var next = 0
    /// The tokens of `texts[next]`, if they did not fit into the group before.
    var pending: [Int32]?
    var embeddings: [Embedding] = []
  }

  private let texts: [String]
  /// What the caller waits for; its own cancelling gives it, too.
  let answer = Answer<Result<[Embedding], EmbeddingFailure>>()
  /// Held for the length of a step; never waited for, as one worker has the request at a time.
  private let progress = Mutex(Progress())

  init(_ texts: [String]) { self.texts = texts }

  /// The tokens of the next texts, as many as have at most `room` tokens together; with `isFirst` one more than fits.
  ///
  /// None when the answer is given already or the next text is too long for what is left.
  func take(
    _ tokenizer: BertTokenizer, maximum: Int, room: Int, isFirst: Bool
  ) -> [[Int32]] {
    progress.withLock { progress in
      var sequences: [[Int32]] = []
      var rows = 0
      while progress.next < texts.count, !answer.isGiven {
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
          answer.give(.failure(.unavailable("the model's weights give no finite vector")))
          return false
        }
        progress.embeddings.append(Embedding(vector))
      }
      if answer.isGiven { return false }
      if progress.next < texts.count { return true }
      answer.give(.success(progress.embeddings))
      return false
    }
  }

  /// Whether every text was taken, or none is wanted any more.
  var isTaken: Bool { answer.isGiven || progress.withLock { $0.next == texts.count } }
}
