import Glibc
import ServiceLifecycle
import Telemetry

/// Gives memory back to the system that a burst of work has left free.
///
/// The C library keeps what was freed: after thousands of streams the process would stay as large as it was with them. Giving
/// it back takes milliseconds in which nothing can be allocated, so it is done when there is little else to do.
struct MemoryTending: Service {
  /// How often it looks.
  static let interval: Duration = .seconds(5)
  /// The share of one processor that counts as little to do.
  static let calm = 0.1
  /// How much larger than at its smallest the process has to be.
  static let growth = 1.05
  /// The share of it that has to come back at once for the next time to be as soon; else the wait doubles, up to the longest.
  static let worthwhile = 0.01
  /// The longest that it is not looked again.
  static let longestWait: Duration = .seconds(20)

  /// Runs until the server stops.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      var (time, used) = (ContinuousClock.now, ProcessFigure.cpuSeconds() ?? 0)
      // What the process held after the last time, and after the time after which it held least.
      var (last, smallest): (Double, Double?) = (0, nil)
      var (wait, next) = (Self.interval, time)
      while !Task.isCancelled {
        try? await Task.sleep(for: Self.interval)  // Ends early only when cancelled, which the loop sees.
        let (now, usedNow) = (ContinuousClock.now, ProcessFigure.cpuSeconds() ?? 0)
        let share = (usedNow - used) / ((now - time) / .seconds(1))
        (time, used) = (now, usedNow)
        let resident = ProcessFigure.residentBytes() ?? 0
        // What is new may be free soon.
        if resident > last * Self.growth { (wait, next) = (Self.interval, now) }
        guard share < Self.calm, now >= next, smallest.map({ resident > $0 * Self.growth }) ?? true else { continue }
        Self.release()
        last = ProcessFigure.residentBytes() ?? 0
        smallest = min(smallest ?? last, last)
        wait = resident - last >= resident * Self.worthwhile ? Self.interval : min(wait * 2, Self.longestWait)
        next = now + wait
      }
    }
  }

  /// Gives free pages of the heap back (malloc_trim(3), which Swift's Glibc module does not have); C libraries without it do
  /// that by themselves.
  private static func release() {
    guard let function = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(function, to: (@convention(c) (Int) -> Int32).self)(0)
  }
}
