import Synchronization

/// The entry of a stage: lets in what has room together, in the order in which it came; what waits outside is the
/// stage's queue.
package final class StageGate: Sendable {
  /// How asking for entry ended.
  enum Entry: Sendable {
    /// There is room; ``leave(_:)`` gives it back.
    case inside
    /// As many wait as may.
    case isFull
    /// The task was cancelled before there was room.
    case cancelled
  }

  private struct Waiter {
    let id: UInt64
    let weight: Int
    let continuation: CheckedContinuation<Entry, Never>
  }

  private struct State {
    var free: Int
    var waiting: [Waiter] = []
    var nextID: UInt64 = 0

    /// Takes room where there is some now, and nobody waits for it.
    mutating func takeRoom(for weight: Int) -> Bool {
      guard waiting.isEmpty, free >= weight else { return false }
      free -= weight
      return true
    }
  }

  private let capacity: Int
  private let state: Mutex<State>

  /// Makes a gate.
  ///
  /// - Parameter capacity: how much may be inside at once, in the unit of the weights; at least 1.
  package init(capacity: Int) {
    self.capacity = max(1, capacity)
    state = Mutex(State(free: max(1, capacity)))
  }

  /// How many wait outside.
  package var queueLength: Int { load.waiting }

  /// The weight of what is inside, and how many wait.
  var load: (inside: Int, waiting: Int) { state.withLock { (capacity - $0.free, $0.waiting.count) } }

  /// Runs `body` inside. Nothing bounds the queue but those who come, such as workers, who take nothing else meanwhile.
  ///
  /// - Parameter weight: how much room it takes; what weighs more than the capacity has the stage for itself.
  /// - Returns: `nil`, without running `body`, when the task is cancelled before there is room.
  /// - Throws: what `body` throws.
  package func pass<Value, Failure: Error>(
    weight: Int = 1, _ body: () async throws(Failure) -> Value
  ) async throws(Failure) -> Value? {
    let weight = min(max(0, weight), capacity)
    guard await enter(weight) == .inside else { return nil }
    defer { leave(weight) }
    return try await body()
  }

  /// Enters where there is room now.
  func enterNow(_ weight: Int) -> Bool { state.withLock { $0.takeRoom(for: weight) } }

  /// Waits for room.
  ///
  /// - Parameters:
  ///   - weight: at most the capacity.
  ///   - maximumWaiting: with so many outside already, it does not wait.
  func enter(_ weight: Int, maximumWaiting: Int = .max) async -> Entry {
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let entry: Entry? = state.withLock { state in
          // Cancelling before this takes the lock finds nobody waiting, and is seen here.
          if Task.isCancelled { return .cancelled }
          if state.takeRoom(for: weight) { return .inside }
          guard state.waiting.count < maximumWaiting else { return .isFull }
          state.waiting.append(Waiter(id: id, weight: weight, continuation: continuation))
          return nil
        }
        if let entry { continuation.resume(returning: entry) }
      }
    } onCancel: {
      let (withdrawn, admitted) = state.withLock { state -> (Waiter?, [Waiter]) in
        guard let place = state.waiting.firstIndex(where: { $0.id == id }) else { return (nil, []) }
        let waiter = state.waiting.remove(at: place)
        // It may have been all that kept those behind it out.
        return (waiter, Self.admit(&state))
      }
      withdrawn?.continuation.resume(returning: .cancelled)
      for waiter in admitted { waiter.continuation.resume(returning: .inside) }
    }
  }

  /// Gives room back.
  func leave(_ weight: Int) {
    let admitted = state.withLock { state in
      state.free += weight
      return Self.admit(&state)
    }
    for waiter in admitted { waiter.continuation.resume(returning: .inside) }
  }

  /// Those at the head of the queue that there is room for now.
  private static func admit(_ state: inout State) -> [Waiter] {
    var admitted: [Waiter] = []
    while let first = state.waiting.first, state.free >= first.weight {
      state.free -= first.weight
      admitted.append(state.waiting.removeFirst())
    }
    return admitted
  }
}
