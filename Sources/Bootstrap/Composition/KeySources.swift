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

/// A key that a program writes to its standard output, remembered for a while and asked for anew when it is refused.
final class KeyCommand: ProviderKeySource {
  /// How long a key is used before the program is run again.
  static let lifetime = Duration.seconds(300)
  /// How long the program may take.
  static let patience = 10

  private let words: [String]
  private let model: String
  private let remembered = Mutex<(key: ProviderKey, until: ContinuousClock.Instant)?>(nil)

  init(_ words: [String], model: String) {
    self.words = words
    self.model = model
  }

  func key(rejected: ProviderKey?) async throws(ModelFailure) -> ProviderKey? {
    if let known = remembered.withLock({ $0 }), known.key != rejected, known.until > .now { return known.key }
    let (words, model) = (words, model)
    // The program blocks a thread of its own, never one that streams run on.
    let text = await withCheckedContinuation { continuation in
      DispatchQueue.global().async { continuation.resume(returning: Self.output(of: words)) }
    }
    if Task.isCancelled { throw .cancelled }
    guard let text, let key = ProviderKey(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw .misconfigured("the program that gives the key of the model \(model) gave none")
    }
    remembered.withLock { $0 = (key, .now + Self.lifetime) }
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
