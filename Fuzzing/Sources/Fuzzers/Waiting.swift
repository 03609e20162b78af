import Dispatch
import Synchronization

/// Runs what is asynchronous to its end: libFuzzer takes the next input when this one's function has returned.
func wait<Value: Sendable>(for body: @escaping @Sendable () async -> Value) -> Value {
  let outcome = Outcome<Value>()
  Task {
    let value = await body()
    outcome.value.withLock { $0 = value }
    outcome.isThere.signal()
  }
  outcome.isThere.wait()
  guard let value = outcome.value.withLock({ $0 }) else { fatalError("signalled before there was a value") }
  return value
}

private final class Outcome<Value: Sendable>: Sendable {
  let value = Mutex<Value?>(nil)
  let isThere = DispatchSemaphore(value: 0)
}
