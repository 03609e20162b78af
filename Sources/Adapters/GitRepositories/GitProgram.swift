import Application
import FoundationEssentials
import Subprocess
import SystemPackage

/// `git`, confined: it reads no configuration but what it is given, asks nobody anything, runs no hook, and has limits
/// of time and of what it writes.
struct GitProgram: Sendable {
  /// What it printed, and how it ended.
  struct Output {
    let bytes: [UInt8]
    let status: Int32
    /// The last line of what it said, for people.
    let message: String
  }

  /// How long one command may take.
  let time: Duration
  /// The most bytes of one file that it writes.
  let maximumFileBytes: Int

  /// Runs a command in a bare repository. Its standard input is a file, never a pipe: swift-subprocess 1.0 ends this
  /// process when writing to a pipe fails.
  ///
  /// - Parameter protocols: by which it may reach other repositories, such as `https`; none for a command that must not.
  /// - Throws: `.unavailable` where it takes too long, `.invalid` where it is missing or prints more than
  ///   `maximumOutput` bytes, `.cancelled`.
  func run(
    _ arguments: [String], in directory: String, protocols: String = "", input: [UInt8] = [],
    maximumOutput: Int = 1 << 20
  ) async throws(FetchFailure) -> Output {
    let seconds = max(Int(time.components.seconds), 1)
    let confined =
      ["--cpu=\(seconds)", "--fsize=\(maximumFileBytes)", "--core=0", "--nofile=256", "--", "git", "-C", directory]
      + Self.settings.flatMap { ["-c", $0] } + arguments
    let file: FileDescriptor
    do { file = try Self.nameless(input) } catch {
      throw .unavailable("the server has no room to set a list of files aside")
    }
    let outcome: Outcome
    do {
      outcome = try await withThrowingTaskGroup(of: Outcome.self) { group in
        group.addTask { await start(confined, protocols, input: file, maximumOutput: maximumOutput) }
        group.addTask {
          try await Task.sleep(for: time)
          return .outOfTime
        }
        defer { group.cancelAll() }
        return try await group.next() ?? .outOfTime
      }
    } catch {
      throw .cancelled
    }
    if Task.isCancelled { throw .cancelled }
    switch outcome {
    case .ended(let output): return output
    case .outOfTime: throw .unavailable("git takes longer than \(seconds) s")
    case .tooMuch: throw .invalid("git prints more than \(maximumOutput) bytes")
    case .notStarted: throw .invalid("this server has no git (Debian: git and util-linux)")
    }
  }

  private enum Outcome: Sendable {
    case ended(Output)
    case outOfTime
    case tooMuch
    case notStarted
  }

  /// What overrules whatever a repository says of itself.
  private static let settings = [
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=false", "credential.helper=", "gc.auto=0",
    "fetch.fsckObjects=true", "http.followRedirects=false", "transfer.bundleURI=false", "maintenance.auto=false",
  ]

  private func start(
    _ arguments: [String], _ protocols: String, input: FileDescriptor, maximumOutput: Int
  ) async -> Outcome {
    let environment: [Environment.Key: String] = [
      "PATH": ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
      "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
      "GIT_ASKPASS": "/bin/false", "GIT_ALLOW_PROTOCOL": protocols.isEmpty ? "none" : protocols,
      "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0",
    ]
    do {
      let result = try await Subprocess.run(
        .name("prlimit"), arguments: Arguments(arguments), environment: .custom(environment),
        input: .fileDescriptor(input, closeAfterSpawningProcess: true), output: .bytes(limit: maximumOutput),
        error: .bytes(limit: 1 << 20))
      guard case .exited(let status) = result.terminationStatus else {
        return .ended(Output(bytes: [], status: -1, message: "it was stopped: it is too large, or takes too long"))
      }
      if status == 127 { return .notStarted }
      let lines = String(decoding: result.standardError, as: UTF8.self).split(whereSeparator: \.isNewline)
      return .ended(Output(bytes: result.standardOutput, status: status, message: lines.last.map(String.init) ?? ""))
    } catch let error as SubprocessError where error.code == .outputLimitExceeded {
      return .tooMuch
    } catch let error as SubprocessError where error.code == .executableNotFound {
      return .notStarted
    } catch {
      return .ended(Output(bytes: [], status: -1, message: "it cannot be started"))
    }
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
}
