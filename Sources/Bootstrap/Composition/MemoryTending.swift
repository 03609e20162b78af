import Glibc
import ServiceLifecycle

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
  static let longestWait: Duration = .seconds(300)

  /// Runs until the server stops.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      var (time, used) = (ContinuousClock.now, Self.processorSeconds())
      var (smallest, last, wait, next) = (Int.max, 0, Self.interval, time)
      while !Task.isCancelled {
        try? await Task.sleep(for: Self.interval)  // Ends early only when cancelled, which the loop sees.
        let (now, usedNow) = (ContinuousClock.now, Self.processorSeconds())
        let share = (usedNow - used) / ((now - time) / .seconds(1))
        (time, used) = (now, usedNow)
        let resident = Self.residentPages()
        // What is new may be free soon.
        if Double(resident) > Double(last) * Self.growth { (wait, next) = (Self.interval, now) }
        guard share < Self.calm, now >= next, smallest == .max || Double(resident) > Double(smallest) * Self.growth
        else { continue }
        Self.release()
        last = Self.residentPages()
        smallest = min(smallest, last)
        let isWorthwhile = Double(resident - last) >= Double(resident) * Self.worthwhile
        wait = isWorthwhile ? Self.interval : min(wait * 2, Self.longestWait)
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

  /// The processor time that the process has used, in seconds.
  private static func processorSeconds() -> Double {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return 0 }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  /// The pages of the process in memory (proc(5), `statm`); 0 where nobody says.
  private static func residentPages() -> Int {
    guard let file = fopen("/proc/self/statm", "re") else { return 0 }
    defer { fclose(file) }
    var text = [CChar](repeating: 0, count: 128)
    guard fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let fields = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      .split(separator: " ")
    return fields.dropFirst().first.flatMap { Int($0) } ?? 0
  }
}
