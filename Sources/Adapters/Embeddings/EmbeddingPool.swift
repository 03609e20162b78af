import Dispatch
import Synchronization

/// A fixed number of threads that take turns at the requests, one group of texts each time.
///
/// So a short query waits for one group, not for a whole batch that came before it. While all threads are busy, texts of
/// requests that wait are put into one group, as the weights are then read once for all of them; nothing waits for others
/// to come. The threads are those of private serial queues, apart from the ones that run Swift tasks.
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
    /// The workers that were woken and have not looked yet; each is to find a request.
    var woken = 0
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
      let worker = state.idle.popLast()
      if worker != nil { state.woken += 1 }
      return (true, worker)
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
    state.withLock { $0.woken -= 1 }
    while true {
      var group = Group()
      while group.tokens < Self.groupTokens, let request = next(for: worker, isFirst: group.members.isEmpty) {
        guard group.add(request, tokenizer, maximum: worker.workspace.rows, tokens: Self.groupTokens) else {
          // Its next text is too long for what is left: it is the first of the group after this one.
          state.withLock { $0.waiting.insert(request, at: 0) }
          break
        }
      }
      if group.members.isEmpty { return }
      compute(group, in: worker.workspace)
    }
  }

  /// Computes a group, and puts what is not done behind the others that wait.
  private func compute(_ group: Group, in workspace: EncoderWorkspace) {
    let vectors = encoder.vectors(of: group.sequences, in: workspace)
    var first = 0
    for member in group.members {
      let hasMore = member.request.give(vectors[first..<first + member.texts])
      first += member.texts
      state.withLock { state in
        if hasMore { state.waiting.append(member.request) } else { state.accepted -= 1 }
      }
    }
  }

  /// The request that is next; none, and the worker is idle, when it has no other in hand. Further ones for the same group
  /// are given only while more wait than workers are on their way.
  private func next(for worker: Worker, isFirst: Bool) -> EmbeddingRequest? {
    state.withLock { state in
      if isFirst, state.waiting.isEmpty { state.idle.append(worker) }
      guard state.waiting.count > (isFirst ? 0 : state.woken) else { return nil }
      return state.waiting.removeFirst()
    }
  }

  /// Texts that are computed together.
  private struct Group {
    var sequences: [[Int32]] = []
    var members: [(request: EmbeddingRequest, texts: Int)] = []
    var tokens = 0

    /// Adds what fits of a request, of the first in any case a text; false when nothing did.
    mutating func add(_ request: EmbeddingRequest, _ tokenizer: BertTokenizer, maximum: Int, tokens limit: Int) -> Bool
    {
      let taken = request.take(tokenizer, maximum: maximum, room: limit - tokens, isFirst: members.isEmpty)
      guard !taken.isEmpty || request.isTaken else { return false }
      sequences += taken
      members.append((request, taken.count))
      tokens += taken.reduce(0) { $0 + $1.count }
      return true
    }
  }

  /// Short texts are computed together up to this many tokens: the dense layers reach full speed from about 100 rows
  /// on, while more would only make others wait longer.
  private static let groupTokens = 128
}
