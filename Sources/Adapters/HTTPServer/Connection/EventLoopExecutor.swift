import NIOCore

/// Runs tasks on one event loop, so that what they do with its connections crosses no thread.
final class EventLoopExecutor: TaskExecutor {
  private let eventLoop: any EventLoop

  /// Makes an executor of a loop.
  init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    eventLoop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }

  func asUnownedTaskExecutor() -> UnownedTaskExecutor { UnownedTaskExecutor(ordinary: self) }
}
