import Foundation
import Synchronization

/// Runs a program to its end with nothing on its standard input.
enum ProgramRun {
  /// - Parameters:
  ///   - program: a path, or a name that is looked for along `PATH`.
  ///   - environment: variables on top of this process's own.
  /// - Throws: `.programFailed` when it cannot be started or ends with another code than 0, with the last line that it
  ///   wrote; `.cancelled` after the program was killed because the calling task was cancelled.
  static func run(
    _ program: String,
    _ arguments: [String],
    environment: [String: String] = [:]
  ) async throws(ModelFetchFailure) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.standardInput = FileHandle.nullDevice
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    let ending = Ending()
    process.terminationHandler = { ending.finish(status: $0.terminationStatus) }
    do { try process.run() } catch {
      throw .programFailed(program: program, reason: "it cannot be started (\(error.localizedDescription)).")
    }
    let pid = process.processIdentifier
    // Both are read at once: a program that writes more than a pipe holds would never end otherwise.
    let (status, text) = await withTaskCancellationHandler {
      async let text = Self.text(of: output)
      return (await ending.status(), await text)
    } onCancel: {
      // Not SIGTERM: a program inherits the signals that the starting thread blocks, and Dispatch's block that one.
      if !ending.isReached { kill(pid, SIGKILL) }
    }
    if Task.isCancelled { throw .cancelled }
    guard status == 0 else {
      let lastLine = text.split(whereSeparator: \.isNewline).last.map(String.init) ?? "it ended with code \(status)."
      let reason = status == 127 ? "it is not installed." : lastLine
      throw .programFailed(program: program, reason: reason)
    }
  }

  /// Everything the program writes, read on a thread of Dispatch because the read blocks.
  private static func text(of pipe: Pipe) async -> String {
    await withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        continuation.resume(returning: String(decoding: data, as: UTF8.self))
      }
    }
  }
}

/// The end of a process, which may come before or after someone waits for it.
private final class Ending: Sendable {
  private enum State {
    case running
    case awaited(CheckedContinuation<Int32, Never>)
    case ended(Int32)
  }
  private let state = Mutex(State.running)

  var isReached: Bool {
    state.withLock { if case .ended = $0 { true } else { false } }
  }

  func finish(status: Int32) {
    let waiting: CheckedContinuation<Int32, Never>? = state.withLock { state in
      guard case .awaited(let continuation) = state else {
        state = .ended(status)
        return nil
      }
      state = .ended(status)
      return continuation
    }
    waiting?.resume(returning: status)
  }

  /// Waits for the end; called once.
  func status() async -> Int32 {
    await withCheckedContinuation { continuation in
      let ended: Int32? = state.withLock { state in
        if case .ended(let status) = state { return status }
        state = .awaited(continuation)
        return nil
      }
      if let ended { continuation.resume(returning: ended) }
    }
  }
}
