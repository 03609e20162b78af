import Application
import Confinement

/// A program that reads what nobody here wrote, in a process of its own: what makes it crash, hang or grow hurts only
/// that process.
struct ConfinedTool {
  /// What it printed, and whether it ended well.
  struct Output {
    let bytes: [UInt8]
    let isSuccess: Bool
  }

  /// Its name, looked for on the `PATH`.
  let name: String
  /// The Debian package that has it.
  let package: String
  /// How long it may take, by the clock and of a processor.
  let time: Duration
  /// The most bytes of address space.
  let memory: Int
  /// What it does, for messages.
  var task = "reading it"
  /// What it prints, for messages.
  var product = "the text"
  /// What it sees of the environment besides the `PATH`.
  var environment: [String: String] = [:]

  /// Runs it on bytes, which it reads from its standard input, and gives what it printed.
  ///
  /// It may write no file, and gets no part of the environment but the `PATH` and ``environment``.
  ///
  /// - Throws: `.unsupported` where the program is missing, `.invalid` for one that takes too long or prints more than
  ///   `maximumOutput` bytes, `.cancelled`.
  func run(
    _ arguments: [String], input: [UInt8], maximumOutput: Int
  ) async throws(ExtractionFailure) -> Output {
    let process = ConfinedProcess(
      limits: [
        "--as=\(memory)", "--cpu=\(max(Int(time.components.seconds), 1))", "--fsize=0", "--core=0", "--nofile=64",
      ], time: time, environment: environment)
    switch await process.run([name] + arguments, input: input, maximumOutput: maximumOutput) {
    case .ended(let output, _, let status): return Output(bytes: output, isSuccess: status == 0)
    case .failed: return Output(bytes: [], isSuccess: false)
    case .outOfTime: throw .invalid("\(task) takes longer than \(time)")
    case .tooMuch: throw .invalid("\(product) has more than \(maximumOutput) bytes: split the document")
    case .missing: throw missing
    case .noRoom: throw .invalid("the server has no room to set the file aside while it is read")
    case .cancelled: throw .cancelled
    }
  }

  private var missing: ExtractionFailure {
    .unsupported("this server has no \(name), which reads such files (Debian: \(package) and util-linux)")
  }
}
