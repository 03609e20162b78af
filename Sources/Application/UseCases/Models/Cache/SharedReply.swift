import Domain
import Synchronization

/// A reply that a model writes once for all who have asked the same.
///
/// It is written in a task of its own, which no reader's leaving cancels but the last one's. A part is not asked of the
/// model before one reader has taken all that there are, so that the fastest reader sets the pace; the others read what
/// they have not seen yet, which is bounded by the most bytes of a reply.
///
/// One reader pays for it: the leader, or, when that one leaves before it has read the end, the one of the others that
/// joined first.
final class SharedReply: Sendable {
  /// The reader that began it.
  static let leader = 0

  /// What a reader pays of a reply.
  enum Share: Hashable, Sendable {
    /// What it has read.
    case own
    /// Nothing: another reader pays.
    case none
    /// All that the model has used: it has come to its end, and nobody else is left to pay.
    case whole(TokenUsage)
  }

  private struct State {
    var parts: [String] = []
    var bytes = 0
    var result: Result<ReplyEnd, ModelFailure>?
    /// How many parts each reader has taken.
    var readers: [Int: Int] = [SharedReply.leader: 0]
    var nextReader = SharedReply.leader + 1
    /// Who pays; one of the readers, until it has been told the end.
    var payer: Int? = SharedReply.leader
    var task: Task<Void, Never>?
  }

  /// Which model answers.
  let answering = AnsweringModel()
  private let maximumBytes: Int
  private let state = Mutex(State())
  /// A part or the end has come.
  private let arrived = Signal()
  /// A reader has taken a part, or has left.
  private let taken = Signal()

  /// Makes a reply that has one reader, the leader.
  init(maximumBytes: Int) { self.maximumBytes = maximumBytes }

  /// What has come so far.
  var parts: [String] { state.withLock { $0.parts } }

  /// One reader more; `nil` when there are none left, or the reply has ended.
  func join() -> Int? {
    state.withLock { state in
      guard !state.readers.isEmpty, state.result == nil else { return nil }
      state.nextReader += 1
      state.readers[state.nextReader] = 0
      return state.nextReader
    }
  }

  /// Begins to write. The leader calls it once.
  func start(_ write: @escaping @Sendable () async -> Void) {
    let task = Task { await write() }
    state.withLock { $0.task = task }
  }

  /// One reader less; with the last one the model is stopped.
  ///
  /// - Returns: what the reader pays, if it has not read the end.
  @discardableResult
  func leave(_ reader: Int) -> Share {
    let (abandoned, share) = state.withLock { state -> (Task<Void, Never>?, Share) in
      state.readers[reader] = nil
      return (state.readers.isEmpty && state.result == nil ? state.task : nil, Self.handOver(from: reader, &state))
    }
    abandoned?.cancel()
    taken.notify()
    return share
  }

  /// Has another reader pay where the one that leaves did.
  private static func handOver(from reader: Int, _ state: inout State) -> Share {
    guard state.payer == reader else { return .none }
    state.payer = state.readers.keys.min()
    if state.payer != nil { return .none }
    if case .success(let end)? = state.result, let usage = end.usage { return .whole(usage) }
    return .own
  }

  /// Adds a part, and waits until a reader has taken it.
  ///
  /// - Throws: `.cancelled` when there are no readers; `.broken` for more bytes than a reply may have.
  func write(_ part: String) async throws(ModelFailure) {
    let isTooLong = state.withLock { state in
      state.bytes += part.utf8.count
      if state.bytes <= maximumBytes { state.parts.append(part) }
      return state.bytes > maximumBytes
    }
    if isTooLong { throw .broken("the reply is longer than \(maximumBytes) bytes") }
    arrived.notify()
    while true {
      let generation = taken.generation
      let (isTaken, isLeft) = state.withLock { state in
        (state.readers.values.contains { $0 >= state.parts.count }, state.readers.isEmpty)
      }
      if isLeft || Task.isCancelled { throw .cancelled }
      if isTaken { return }
      await taken.wait(since: generation)
    }
  }

  /// Says how it ended.
  func end(_ result: Result<ReplyEnd, ModelFailure>) {
    state.withLock { state in
      state.result = result
      // It holds what refers to this.
      state.task = nil
    }
    arrived.notify()
  }

  /// Hands all parts to a reader as they come.
  ///
  /// - Returns: the end, and whether this reader pays for it.
  /// - Throws: what `emit` throws, `.cancelled`, or how the model failed.
  func follow(
    _ number: Int, _ reader: ReplyReader
  ) async throws(ModelFailure) -> (end: ReplyEnd, pays: Bool) {
    var position = 0
    while true {
      let generation = arrived.generation
      let (part, result, pays) = state.withLock { state -> (String?, Result<ReplyEnd, ModelFailure>?, Bool) in
        if position < state.parts.count { return (state.parts[position], nil, false) }
        let pays = state.payer == number
        // From now on it pays, and hands that on to nobody.
        if pays, case .success? = state.result { state.payer = nil }
        return (nil, state.result, pays)
      }
      if let part {
        try await reader.write(part)
        position += 1
        state.withLock { $0.readers[number] = position }
        taken.notify()
      } else if let result {
        return (try result.get(), pays)
      } else if Task.isCancelled {
        throw .cancelled
      } else {
        await arrived.wait(since: generation)
      }
    }
  }
}
