import Application
import Foundation
import LanguageModels
import Synchronization

/// A key that is the content of a file, read again when what is known of it is a second old, and at once when the provider
/// refuses it: whoever rotates it writes the file anew.
struct KeyFile: ProviderKeySource {
  /// How long a key is used before the file is read again.
  static let lifetime = Duration.seconds(1)

  private let remembered: RememberedKey

  init(path: String, model: String) {
    remembered = RememberedKey(lifetime: Self.lifetime) {
      guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
        return .failure(.misconfigured("the key of the model \(model) cannot be read"))
      }
      guard let key = ProviderKey(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
        return .failure(.misconfigured("the key of the model \(model) is none"))
      }
      return .success(key)
    }
  }

  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? {
    try await remembered.key(rejected: rejected)
  }
}

/// A key that a program writes to its standard output, remembered for a while and asked for anew when it is refused.
struct KeyCommand: ProviderKeySource {
  /// How long a key is used before the program is run again.
  static let lifetime = Duration.seconds(300)
  /// How long the program may take, in seconds.
  static let patience = 10

  private let remembered: RememberedKey

  init(_ words: [String], model: String) {
    remembered = RememberedKey(lifetime: Self.lifetime) {
      let text = Self.output(of: words)
      guard let key = text.flatMap({ ProviderKey($0.trimmingCharacters(in: .whitespacesAndNewlines)) }) else {
        return .failure(.misconfigured("the program that gives the key of the model \(model) gave none"))
      }
      return .success(key)
    }
  }

  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? {
    try await remembered.key(rejected: rejected)
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

/// A key that is looked for outside of this process, and known for a while. Calls that want it at the same time wait for one
/// look, which blocks a thread of its own and never one that streams run on.
private final class RememberedKey: Sendable {
  private typealias Found = Result<ProviderKey, ModelFailure>

  private struct State {
    var known: (key: ProviderKey, until: ContinuousClock.Instant)?
    var look: Task<Found, Never>?
  }

  private let lifetime: Duration
  private let look: @Sendable () -> Result<ProviderKey, ModelFailure>
  private let state = Mutex(State())

  /// Remembers what `look` finds for a while; a failure is remembered for nobody but those who wait for it.
  init(lifetime: Duration, look: @escaping @Sendable () -> Result<ProviderKey, ModelFailure>) {
    self.lifetime = lifetime
    self.look = look
  }

  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey {
    let (known, task) = state.withLock { state -> (ProviderKey?, Task<Found, Never>?) in
      if let known = state.known, known.key != rejected, known.until > .now { return (known.key, nil) }
      let task = state.look ?? Task { await self.find() }
      state.look = task
      return (nil, task)
    }
    if let known { return known }
    guard let task else { throw .cancelled }
    // Who is cancelled leaves; the look goes on for the others.
    let (answers, answer) = AsyncStream<Found>.makeStream()
    Task {
      answer.yield(await task.value)
      answer.finish()
    }
    for await found in answers { return try found.get() }
    throw .cancelled
  }

  private func find() async -> Found {
    let found = await withCheckedContinuation { continuation in
      DispatchQueue.global().async { [look] in continuation.resume(returning: look()) }
    }
    state.withLock { state in
      state.look = nil
      if case .success(let key) = found { state.known = (key, .now + lifetime) }
    }
    return found
  }
}
