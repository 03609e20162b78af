import Confinement
import Foundation

/// Whether there is the program.
enum Git {
  static let isThere = ConfinedProcess.isInstalled("git")
  /// Where tests run for everybody, nothing may be left out.
  static let mustBeThere = ProcessInfo.processInfo.environment["CI"] != nil
}

/// A repository with files of a test's choosing, beside the folder for copies.
final class SourceRepository {
  struct Failed: Error {
    let message: String
  }

  let folder: URL
  var path: String { folder.appending(path: "source").path(percentEncoded: false) }
  var copies: String { folder.appending(path: "copies").path(percentEncoded: false) }

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "opentier-git-\(UUID())")
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    try git("init", "--quiet", "--initial-branch=main")
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  @discardableResult
  func git(_ arguments: String...) throws -> String {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    process.arguments = ["git", "-C", path] + who + arguments
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    let message = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failed(message: message) }
    return text.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  func write(_ bytes: Data, to name: String) throws {
    let file = URL(filePath: path).appending(path: name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try bytes.write(to: file)
  }

  /// Writes files and commits everything; the commit's id.
  @discardableResult
  func commit(_ files: [String: String]) throws -> String {
    for (name, text) in files { try write(Data(text.utf8), to: name) }
    try git("add", "--all")
    try git("commit", "--quiet", "--allow-empty", "--message", "A commit")
    return try git("rev-parse", "HEAD")
  }
}
