import Glibc
import Synchronization

/// A fixed number of threads of its own with a bounded queue, for work that burns a processor.
///
/// The threads are POSIX threads, not those of Dispatch or of Swift's executor: those are as many as there are cores,
/// so a few hashes on them would hold up every request. Threads start with the first work and end with the pool.
final class WorkerThreads: Sendable {
  /// Why work was not run.
  enum Refusal: Error, Hashable {
    /// As much work as the queue takes is waiting already.
    case overloaded
    /// The calling task was cancelled before the work began; it did not run.
    case cancelled
  }

  private let shared: Shared

  /// Makes a pool.
  ///
  /// - Parameters:
  ///   - count: the number of threads, at least 1.
  ///   - maximumWaiting: how many pieces of work may wait while all threads are busy, at least 0.
  init(count: Int, maximumWaiting: Int) {
    precondition(count >= 1 && maximumWaiting >= 0, "a pool needs a thread, and a queue no negative length")
    shared = Shared(count: count, maximumWaiting: maximumWaiting)
  }

  deinit { shared.stop() }

  /// How many pieces of work wait for a thread.
  var waiting: Int { shared.waiting }

  /// Runs work on one of the threads and waits for it without holding the caller's thread. Cancellation takes work out
  /// of the queue; work that has begun runs to its end.
  func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async throws(Refusal) -> Value {
    let ticket = Ticket()
    let result: Result<Value, Refusal> = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let refusal = shared.enqueue(
          Work(
            ticket: ticket,
            run: { continuation.resume(returning: .success(work())) },
            cancel: { continuation.resume(returning: .failure(.cancelled)) }
          )
        )
        if let refusal { continuation.resume(returning: .failure(refusal)) }
      }
    } onCancel: {
      ticket.cancel()
      shared.withdraw(ticket)
    }
    return try result.get()
  }
}

/// Tells one piece of work from others, and whether its task was cancelled before it was queued.
private final class Ticket: Sendable {
  private let flag = Atomic(false)
  var isCancelled: Bool { flag.load(ordering: .acquiring) }
  func cancel() { flag.store(true, ordering: .releasing) }
}

/// Exactly one of `run` and `cancel` is called, once.
private struct Work: Sendable {
  let ticket: Ticket
  let run: @Sendable () -> Void
  let cancel: @Sendable () -> Void
}

/// What the threads and the pool share; the threads keep it alive until they have ended.
///
/// The semaphore counts at least as many permits as there is work in the queue, so a thread that finds none left just
/// waits again.
private final class Shared: @unchecked Sendable {
  // Unchecked because of the pointer alone: it is set once, and `sem_wait` and `sem_post` may be called from any thread.
  private let semaphore: UnsafeMutablePointer<sem_t>
  private let count: Int
  private let maximumWaiting: Int
  private let state = Mutex(State())

  private struct State {
    var waiting: [Work] = []
    var started = 0
    var idle = 0
    var stopped = false
  }

  init(count: Int, maximumWaiting: Int) {
    self.count = count
    self.maximumWaiting = maximumWaiting
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }

  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }

  var waiting: Int { state.withLock { $0.waiting.count } }

  func enqueue(_ work: Work) -> WorkerThreads.Refusal? {
    let outcome: (refusal: WorkerThreads.Refusal?, startsThread: Bool) = state.withLock { state in
      if work.ticket.isCancelled { return (.cancelled, false) }
      let startsThread = state.idle <= state.waiting.count && state.started < count
      let free = max(0, state.idle + (startsThread ? 1 : 0))
      guard state.waiting.count < free + maximumWaiting else { return (.overloaded, false) }
      state.waiting.append(work)
      if startsThread {
        state.started += 1
        state.idle += 1
      }
      return (nil, startsThread)
    }
    guard outcome.refusal == nil else { return outcome.refusal }
    if outcome.startsThread { startThread() }
    sem_post(semaphore)
    return nil
  }

  func withdraw(_ ticket: Ticket) {
    let work: Work? = state.withLock { state in
      guard let index = state.waiting.firstIndex(where: { $0.ticket === ticket }) else { return nil }
      return state.waiting.remove(at: index)
    }
    work?.cancel()
  }

  /// Lets the threads end; what is queued still runs before.
  func stop() {
    let started = state.withLock { state in
      state.stopped = true
      return state.started
    }
    for _ in 0..<started { sem_post(semaphore) }
  }

  private func startThread() {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(self).toOpaque()
    let code = pthread_create(
      &thread,
      nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Shared>.fromOpaque(argument).takeRetainedValue().work()
        return nil
      },
      argument
    )
    // Out of threads at the first hash: there is no way to serve, and every later start would fail alike.
    precondition(code == 0, "no thread for hashing: error \(code)")
    pthread_detach(thread)
  }

  private func work() {
    while true {
      // Interrupted by a signal: wait again.
      while sem_wait(semaphore) != 0 {}
      let next: (work: Work?, stopped: Bool) = state.withLock { state in
        guard !state.waiting.isEmpty else { return (nil, state.stopped) }
        state.idle -= 1
        return (state.waiting.removeFirst(), false)
      }
      if next.stopped { return }
      guard let work = next.work else { continue }
      work.run()
      state.withLock { $0.idle += 1 }
    }
  }
}
