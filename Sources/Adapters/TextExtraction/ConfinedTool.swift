import Application
import FoundationEssentials
import Subprocess
import SystemPackage

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

  /// Runs it on bytes, which it reads from its standard input, and gives what it printed. The input is a file without a
  /// name rather than a pipe: the program may end before it has read all, and swift-subprocess 1.0 ends this process when
  /// writing to a pipe fails.
  ///
  /// It may write no file, and gets no part of the environment but the `PATH` and ``environment``.
  ///
  /// - Throws: `.unsupported` where the program is missing, `.invalid` for one that takes too long or prints more than
  ///   `maximumOutput` bytes, `.cancelled`.
  func run(
    _ arguments: [String], input: [UInt8], maximumOutput: Int
  ) async throws(ExtractionFailure) -> Output {
    let confined = [
      "--as=\(memory)", "--cpu=\(max(Int(time.components.seconds), 1))", "--fsize=0", "--core=0", "--nofile=64", "--",
      name,
    ]
    let file: FileDescriptor
    do { file = try Self.nameless(input) } catch {
      throw .invalid("the server has no room to set the file aside while it is read")
    }
    let outcome = try await withTimeLimit(time) { () throws(ExtractionFailure) in
      await start(confined + arguments, input: file, maximumOutput: maximumOutput)
    }
    switch outcome {
    case nil: throw .invalid("\(task) takes longer than \(time)")
    case .ended(let output, let status):
      // What prlimit, and a shell, say of a program that is not there.
      if status == 127 { throw missing }
      return Output(bytes: output, isSuccess: status == 0)
    case .tooMuch: throw .invalid("\(product) has more than \(maximumOutput) bytes: split the document")
    case .notStarted: throw missing
    }
  }

  private enum Outcome: Sendable {
    case ended([UInt8], status: Int32)
    case tooMuch
    case notStarted
  }

  private var missing: ExtractionFailure {
    .unsupported("this server has no \(name), which reads such files (Debian: \(package) and util-linux)")
  }

  private func start(_ arguments: [String], input: FileDescriptor, maximumOutput: Int) async -> Outcome {
    do {
      let result = try await Subprocess.run(
        .name("prlimit"), arguments: Arguments(arguments),
        environment: .custom(
          environment.reduce(into: ["PATH": Self.path, "LC_ALL": "C.UTF-8"]) { all, one in
            all[Environment.Key(stringLiteral: one.key)] = one.value
          }),
        input: .fileDescriptor(input, closeAfterSpawningProcess: true), output: .bytes(limit: maximumOutput),
        error: .discarded)
      guard case .exited(let status) = result.terminationStatus else { return .ended([], status: -1) }
      return .ended(result.standardOutput, status: status)
    } catch let error as SubprocessError where error.code == .outputLimitExceeded {
      return .tooMuch
    } catch let error as SubprocessError where error.code == .executableNotFound {
      return .notStarted
    } catch {
      return .ended([], status: -1)
    }
  }

  /// Whether a program is on the `PATH`.
  static func isInstalled(_ name: String) -> Bool {
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

/// Runs what takes time, and cancels it when its time is up.
///
/// - Returns: `nil` when it was.
/// - Throws: what `body` throws; `.cancelled` when the calling task was.
func withTimeLimit<Value: Sendable>(
  _ time: Duration, _ body: @escaping @Sendable () async throws(ExtractionFailure) -> Value
) async throws(ExtractionFailure) -> Value? {
  let outcome = await withTaskGroup(of: Result<Value, ExtractionFailure>?.self) { group in
    group.addTask {
      do throws(ExtractionFailure) { return .success(try await body()) } catch { return .failure(error) }
    }
    group.addTask {
      // It wakes early only when cancelled: then what it says is not asked for, or the calling task was.
      do { try await Task.sleep(for: time) } catch { return .failure(.cancelled) }
      return nil
    }
    defer { group.cancelAll() }
    return await group.next() ?? nil
  }
  try checkCancellation()
  return try outcome?.get()
}
