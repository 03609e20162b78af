import FoundationEssentials
import Glibc

/// A figure of this process, under the names that Prometheus' client libraries agree on.
package struct ProcessFigure {
  let name: String
  let help: String
  let type: MetricType
  let value: Double

  /// What the kernel says now (proc(5), getrusage(2)); a figure that cannot be read is left out.
  static func current() -> [ProcessFigure] {
    let figures: [(String, String, MetricType, Double?)] = [
      ("process_cpu_seconds_total", "User and system time spent, in seconds.", .counter, cpuSeconds()),
      ("process_open_fds", "Open file descriptors.", .gauge, openDescriptors()),
      ("process_resident_memory_bytes", "Resident memory in bytes.", .gauge, residentBytes()),
      ("process_start_time_seconds", "Start of the process since 1970, in seconds.", .gauge, startTime),
    ]
    return figures.compactMap { name, help, type, value in
      value.map { ProcessFigure(name: name, help: help, type: type, value: $0) }
    }
  }

  /// The processor time that the process has used, user and system, in seconds.
  package static func cpuSeconds() -> Double? {
    var usage = rusage()
    guard getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return nil }
    func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000 }
    return seconds(usage.ru_utime) + seconds(usage.ru_stime)
  }

  private static func openDescriptors() -> Double? {
    guard let folder = opendir("/proc/self/fd") else { return nil }
    defer { closedir(folder) }
    // `.`, `..` and the descriptor of the folder itself do not count.
    var count = -3
    while readdir(folder) != nil { count += 1 }
    return Double(count)
  }

  /// What the process holds of the machine's memory, in bytes.
  package static func residentBytes() -> Double? {
    guard let pages = read("/proc/self/statm")?.split(separator: " ").dropFirst().first.flatMap({ Double($0) })
    else { return nil }
    return pages * Double(sysconf(Int32(_SC_PAGESIZE)))
  }

  /// The 22nd field of `stat` counts clock ticks since the machine started. The second field, the name, may itself
  /// hold spaces, so fields are counted after its closing parenthesis.
  private static let startTime: Double? = {
    guard let stat = read("/proc/self/stat"), let end = stat.lastIndex(of: ")"),
      let ticks = stat[stat.index(after: end)...].split(separator: " ").dropFirst(19).first.flatMap({ Double($0) }),
      let boot = read("/proc/stat")?.split(separator: "\n").first(where: { $0.hasPrefix("btime ") }),
      let bootTime = Double(boot.dropFirst(6))
    else { return nil }
    return bootTime + ticks / Double(sysconf(Int32(_SC_CLK_TCK)))
  }()

  private static func read(_ path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4096)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
