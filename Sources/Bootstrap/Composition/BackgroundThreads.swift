import Foundation
import Synchronization

/// Threads of their own for work that computes for seconds, such as parsing and chunking, so that it never holds up the
/// few threads that Swift's concurrency has for everybody's requests.
///
/// Tasks run here by `withTaskExecutorPreference`; child tasks and `@concurrent` functions stay here too.
final class BackgroundThreads: TaskExecutor {
  private struct Queue {
    var jobs: [UnownedJob] = []
    var isOpen = true
  }

  private let state = Mutex(Queue())
  private let available = DispatchSemaphore(value: 0)
  private let count: Int

  /// Starts threads; more than there are workers, so that a worker's heartbeat runs while all of them compute.
  init(count: Int, name: String) {
    self.count = count
    for index in 1...max(1, count) {
      let thread = Thread { [self] in work() }
      thread.name = "\(name)-\(index)"
      // Gumbo and the chunker need little; the default of 8 MiB is address space only.
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    state.withLock { $0.jobs.append(job) }
    available.signal()
  }

  /// Lets the threads end once nothing is queued; no task may prefer this executor any more.
  func close() {
    state.withLock { $0.isOpen = false }
    for _ in 0..<count { available.signal() }
  }

  private func work() {
    while true {
      available.wait()
      let (job, isOpen) = state.withLock { state in
        (state.jobs.isEmpty ? nil : state.jobs.removeFirst(), state.isOpen)
      }
      if let job {
        job.runSynchronously(on: asUnownedTaskExecutor())
      } else if !isOpen {
        return
      }
    }
  }
}
