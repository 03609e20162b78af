/// Lets so many calls run at once and so many more wait for their turn, first come, first served.
package final class CallSlots: Sendable {
  private let name: String
  private let queue: Int
  private let gate: StageGate

  /// Makes slots for the model of a name.
  ///
  /// - Parameters:
  ///   - limit: calls at once, above 0.
  ///   - queue: calls that may wait, 0 or above.
  package init(name: String, limit: Int, queue: Int) {
    self.name = name
    self.queue = queue
    gate = StageGate(capacity: limit)
  }

  /// Calls that run and calls that wait.
  package var load: (running: Int, waiting: Int) {
    let (inside, waiting) = gate.load
    return (inside, waiting)
  }

  /// Runs a call when its turn has come.
  ///
  /// - Throws: `.exhausted` at once when the queue is full; `.cancelled` at once when the task is cancelled while it
  ///   waits; what `call` throws.
  package func run<Value: Sendable>(
    _ call: () async throws(ModelFailure) -> Value
  ) async throws(ModelFailure) -> Value {
    switch await gate.enter(1, maximumWaiting: queue) {
    case .inside: break
    case .isFull: throw .exhausted("too many questions wait for the model \(name); try again")
    case .cancelled: throw .cancelled
    }
    defer { gate.leave(1) }
    return try await call()
  }
}
