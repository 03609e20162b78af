import Application
import Foundation
import LanguageModels
import Synchronization

/// A key that is the content of a file, read at each call: whoever rotates it writes the file anew.
struct KeyFile: ProviderKeySource {
  let path: String
  let model: String

  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw .misconfigured("the key of the model \(model) cannot be read")
    }
    guard let key = ProviderKey(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw .misconfigured("the key of the model \(model) is none")
    }
    return key
  }
}

/// A key that a program writes to its standard output, remembered for a while and asked for anew when it is refused. Calls
/// that want it at the same time wait for one run of the program.
final class KeyCommand: ProviderKeySource {
  /// How long a key is used before the program is run again.
  static let lifetime = Duration.seconds(300)
  /// How long the program may take, in seconds.
  static let patience = 10

  private struct State {
    var remembered: (key: ProviderKey, until: ContinuousClock.Instant)?
    var run: Task<ProviderKey?, Never>?
  }

  private let words: [String]
  private let model: String
  private let state = Mutex(State())

  init(_ words: [String], model: String) {
    self.words = words
    self.model = model
  }

  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? {
    let (known, run) = state.withLock { state -> (ProviderKey?, Task<ProviderKey?, Never>?) in
      if let known = state.remembered, known.key != rejected, known.until > .now { return (known.key, nil) }
      let run = state.run ?? Task { await self.look() }
      state.run = run
      return (nil, run)
    }
    guard let run else { return known }
    // Who is cancelled leaves; the program runs on for the others, and for its time at most.
    let (answers, answer) = AsyncStream<ProviderKey?>.makeStream()
    Task {
      answer.yield(await run.value)
      answer.finish()
    }
    for await key in answers {
      guard let key else {
        throw .misconfigured("the program that gives the key of the model \(model) gave none")
      }
      return key
    }
    throw .cancelled
  }

  private func look() async -> ProviderKey? {
    let words = words
    // The program blocks a thread of its own, never one that streams run on.
    let text = await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: Self.output(of: words)) }
    }
    let key = text.flatMap { ProviderKey($0.trimmingCharacters(in: .whitespacesAndNewlines)) }
    state.withLock { state in
      state.run = nil
      if let key { state.remembered = (key, .now + Self.lifetime) }
    }
    return key
  }

  /// What the program wrote; `nil` when it cannot be started, fails or takes too long.
  private static func output(of words: [String]) -> String? {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    // `timeout` ends the program, and whatever it has started in its group, when it hangs.
    process.arguments = ["timeout", "--signal=KILL", "\(patience)"] + words
    process.standardInput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    let pipe = Pipe()
    process.standardOutput = pipe
    guard (try? process.run()) != nil else { return nil }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return process.terminationStatus == 0 ? String(decoding: data, as: UTF8.self) : nil
  }
}
