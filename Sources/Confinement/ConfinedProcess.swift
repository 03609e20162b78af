import FoundationEssentials
import Subprocess
import SystemPackage

/// A program in a process of its own with limits (`prlimit`), for what nobody here wrote: what makes it crash, hang or grow
/// hurts only that process.
///
/// It reads its standard input from a file without a name rather than from a pipe: it may end before it has read all, and
/// swift-subprocess 1.0 ends this process when writing to a pipe fails.
package struct ConfinedProcess: Sendable {
  /// How it ended.
  package enum Outcome: Sendable {
    /// By itself, or by a signal, as a limit sends one: then there is no status.
    case ended(output: [UInt8], errors: [UInt8], status: Int32?)
    /// It took longer than its time, and was killed.
    case outOfTime
    /// It printed more than it may, and was killed.
    case tooMuch
    /// It is not on the `PATH`, or `prlimit` is not.
    case missing
    /// It could not be started, or not be read from.
    case failed
    /// There is no room to set its input aside.
    case noRoom
    /// The calling task was cancelled.
    case cancelled
  }

  /// The limits as `prlimit` takes them, such as `--as=1073741824`.
  package let limits: [String]
  /// How long it may take by the clock.
  package let time: Duration
  /// What it sees of the environment besides the `PATH` and the locale `C.UTF-8`.
  package let environment: [String: String]

  /// Makes the limits of a process.
  package init(limits: [String], time: Duration, environment: [String: String] = [:]) {
    self.limits = limits
    self.time = time
    self.environment = environment
  }

  /// Runs a program of the `PATH` on bytes.
  ///
  /// - Parameters:
  ///   - command: its name and its arguments.
  ///   - maximumOutput: the most bytes that it may print.
  ///   - maximumErrors: the most bytes that it may write to its standard error; `nil` throws that away.
  package func run(
    _ command: [String], input: [UInt8], maximumOutput: Int, maximumErrors: Int? = nil
  ) async -> Outcome {
    let file: FileDescriptor
    do { file = try Self.nameless(input) } catch { return .noRoom }
    let outcome = await withTaskGroup(of: Outcome.self) { group in
      group.addTask {
        await start(command, input: file, maximumOutput: maximumOutput, maximumErrors: maximumErrors)
      }
      group.addTask {
        // It wakes early only when cancelled: then what it says is not asked for, or the calling task was.
        do { try await Task.sleep(for: time) } catch { return .cancelled }
        return .outOfTime
      }
      defer { group.cancelAll() }
      return await group.next() ?? .cancelled
    }
    return Task.isCancelled ? .cancelled : outcome
  }

  private func start(
    _ command: [String], input: FileDescriptor, maximumOutput: Int, maximumErrors: Int?
  ) async -> Outcome {
    let arguments = Arguments(limits + ["--"] + command)
    let variables = environment.reduce(into: ["PATH": Self.path, "LC_ALL": "C.UTF-8"]) { all, one in
      all[Environment.Key(stringLiteral: one.key)] = one.value
    }
    do {
      guard let maximumErrors else {
        let result = try await Subprocess.run(
          .name("prlimit"), arguments: arguments, environment: .custom(variables),
          input: .fileDescriptor(input, closeAfterSpawningProcess: true), output: .bytes(limit: maximumOutput),
          error: .discarded)
        return Self.outcome(result.terminationStatus, result.standardOutput, [])
      }
      let result = try await Subprocess.run(
        .name("prlimit"), arguments: arguments, environment: .custom(variables),
        input: .fileDescriptor(input, closeAfterSpawningProcess: true), output: .bytes(limit: maximumOutput),
        error: .bytes(limit: maximumErrors))
      return Self.outcome(result.terminationStatus, result.standardOutput, result.standardError)
    } catch let error as SubprocessError where error.code == .outputLimitExceeded {
      return .tooMuch
    } catch let error as SubprocessError where error.code == .executableNotFound {
      return .missing
    } catch {
      return .failed
    }
  }

  private static func outcome(_ status: TerminationStatus, _ output: [UInt8], _ errors: [UInt8]) -> Outcome {
    guard case .exited(let code) = status else { return .ended(output: [], errors: [], status: nil) }
    // What prlimit, and a shell, say of a program that is not there.
    return code == 127 ? .missing : .ended(output: output, errors: errors, status: code)
  }

  /// Whether a program is on the `PATH`.
  package static func isInstalled(_ name: String) -> Bool {
    path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") }
  }

  /// A file of the bytes that nobody can find any more, to be read from its start.
  private static func nameless(_ bytes: [UInt8]) throws -> FileDescriptor {
    let place = FileManager.default.temporaryDirectory.appending(path: "opentier-\(UUID())").path
    let file = try FileDescriptor.open(
      FilePath(place), .readWrite, options: [.create, .exclusiveCreate, .closeOnExec], permissions: .ownerReadWrite)
    do {
      try FileManager.default.removeItem(atPath: place)
      try file.writeAll(bytes)
      try file.seek(offset: 0, from: .start)
    } catch {
      try? file.close()  // That it could not be filled is what counts.
      throw error
    }
    return file
  }

  private static var path: String { ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin" }
}
