/// Lets so many calls run at once and so many more wait for their turn, first come, first served.
package final class CallSlots: Sendable {
  private let name: String
  private let queue: Int
  private let patience: Duration
  private let gate: StageGate

  /// Makes slots for the model of a name.
  ///
  /// - Parameters:
  ///   - limit: calls at once, above 0.
  ///   - queue: calls that may wait, 0 or above.
  ///   - patience: how long one waits at most.
  package init(name: String, limit: Int, queue: Int, patience: Duration = .seconds(60)) {
    self.name = name
    self.queue = queue
    self.patience = patience
    gate = StageGate(capacity: limit)
  }

  /// Calls that run and calls that wait.
  package var load: (running: Int, waiting: Int) {
    let (inside, waiting) = gate.load
    return (inside, waiting)
  }

  /// Waits for the turn of a call; ``leave()`` ends it.
  ///
  /// - Throws: `.exhausted` at once when the queue is full, and when its turn does not come in time; `.cancelled` at once
  ///   when the task is cancelled while it waits.
  func enter() async throws(ModelFailure) {
    if Task.isCancelled { throw .cancelled }
    // Nobody is made to wait by this: then nothing has to watch the time.
    if gate.enterNow(1) { return }
    switch queue > 0 ? try await wait() : .isFull {
    case .inside: break
    case .isFull: throw .exhausted("too many questions wait for the model \(name); try again")
    case .cancelled: throw .cancelled
    }
  }

  /// A call has ended whose turn had come.
  func leave() { gate.leave(1) }

  private func wait() async throws(ModelFailure) -> StageGate.Entry {
    let (gate, queue, patience) = (gate, queue, patience)
    let (entry, isLate) = await withTaskGroup(of: StageGate.Entry?.self) { group in
      group.addTask { await gate.enter(1, maximumWaiting: queue) }
      group.addTask {
        // Ends early only when cancelled: then the other says so.
        try? await Task.sleep(for: patience)
        return nil
      }
      var entry: StageGate.Entry?
      var isLate = false
      while let ended = await group.next() {
        if let ended { entry = ended } else { isLate = entry == nil && !Task.isCancelled }
        group.cancelAll()
      }
      return (entry ?? .cancelled, isLate)
    }
    // Its turn may have come in the moment in which it gave up.
    if entry == .cancelled, isLate {
      throw .exhausted("the turn of a question to the model \(name) did not come within \(patience); try again")
    }
    return entry
  }
}
