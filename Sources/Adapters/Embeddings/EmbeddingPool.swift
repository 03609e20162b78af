import Dispatch
import Synchronization

/// A fixed number of threads that take turns at the requests, one group of texts each time.
///
/// So a short query waits for one group, not for a whole batch that came before it. The threads are those of private
/// serial queues, apart from the ones that run Swift tasks.
final class EmbeddingPool: Sendable {
  private final class Worker: @unchecked Sendable {  // Invariant: `workspace` is touched only on `queue`.
    let queue: DispatchQueue
    lazy var workspace = makeWorkspace()
    private let makeWorkspace: @Sendable () -> EncoderWorkspace

    init(index: Int, makeWorkspace: @escaping @Sendable () -> EncoderWorkspace) {
      queue = DispatchQueue(label: "embeddings.\(index)")
      self.makeWorkspace = makeWorkspace
    }
  }

  private struct State {
    /// The requests that no worker has in hand, the one that is next first.
    var waiting: [EmbeddingRequest] = []
    /// All that were accepted and are not done, in hand or waiting.
    var accepted = 0
    var idle: [Worker]
  }

  private let encoder: BertEncoder
  private let tokenizer: BertTokenizer
  private let limits: MiniLMEmbedder.Limits
  private let state: Mutex<State>

  /// Threads are started when there is work; each takes its 2.7 MB of workspace then and keeps it.
  init(encoder: BertEncoder, tokenizer: BertTokenizer, maximumTokens: Int, limits: MiniLMEmbedder.Limits) {
    self.encoder = encoder
    self.tokenizer = tokenizer
    self.limits = limits
    let shape = encoder.weights.shape
    let workers = (0..<limits.threads).map { index in
      Worker(index: index) { EncoderWorkspace(rows: maximumTokens, shape: shape) }
    }
    state = Mutex(State(idle: workers))
  }

  /// Queues a request; false if as many as allowed are waiting already.
  func submit(_ request: EmbeddingRequest) -> Bool {
    let (isAccepted, worker) = state.withLock { state -> (Bool, Worker?) in
      guard state.accepted < limits.threads + limits.waitingRequests else { return (false, nil) }
      state.accepted += 1
      state.waiting.append(request)
      return (true, state.idle.popLast())
    }
    if let worker { worker.queue.async { self.drain(worker) } }
    return isAccepted
  }

  /// Takes a cancelled request out of the queue, so that it holds no place there.
  func withdraw(_ request: EmbeddingRequest) {
    state.withLock { state in
      guard let index = state.waiting.firstIndex(where: { $0 === request }) else { return }
      state.waiting.remove(at: index)
      state.accepted -= 1
    }
  }

  private func drain(_ worker: Worker) {
    while let request = next(for: worker) {
      let hasMore = request.step(encoder, tokenizer, worker.workspace, group: Self.groupTokens)
      state.withLock { state in
        if hasMore { state.waiting.append(request) } else { state.accepted -= 1 }
      }
    }
  }

  private func next(for worker: Worker) -> EmbeddingRequest? {
    state.withLock { state in
      if state.waiting.isEmpty {
        state.idle.append(worker)
        return nil
      }
      return state.waiting.removeFirst()
    }
  }

  /// Short texts are computed together up to this many tokens: the dense layers reach full speed from about 100 rows
  /// on, while more would only make others wait longer.
  private static let groupTokens = 128
}
