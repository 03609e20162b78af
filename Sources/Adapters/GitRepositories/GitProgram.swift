import Application
import Confinement

/// `git`, confined: it reads no configuration but what it is given, asks nobody anything, runs no hook, and has limits
/// of time and of what it writes.
struct GitProgram: Sendable {
  /// What it printed, and how it ended.
  struct Output {
    let bytes: [UInt8]
    let status: Int32
    /// Why it failed in one line, for people.
    let message: String
  }

  /// How long one command may take.
  let time: Duration
  /// The most bytes of one file that it writes.
  let maximumFileBytes: Int
  /// Certificates that are trusted besides the system's, in a file in PEM form.
  var authorities: String?

  /// Runs a command in a bare repository.
  ///
  /// - Parameters:
  ///   - protocols: by which it may reach other repositories, such as `https`; none for a command that must not.
  ///   - settings: of git, besides those of every command, as `name=value`.
  /// - Throws: `.unavailable` where it takes too long, `.invalid` where it is missing or prints more than
  ///   `maximumOutput` bytes, `.cancelled`.
  func run(
    _ arguments: [String], in directory: String, protocols: String = "", settings: [String] = [],
    input: [UInt8] = [], maximumOutput: Int = 1 << 20
  ) async throws(FetchFailure) -> Output {
    let seconds = max(Int(time.components.seconds), 1)
    let process = ConfinedProcess(
      limits: ["--cpu=\(seconds)", "--fsize=\(maximumFileBytes)", "--core=0", "--nofile=256"], time: time,
      environment: Self.environment.merging(["GIT_ALLOW_PROTOCOL": protocols.isEmpty ? "none" : protocols]) { $1 })
    let outcome = await process.run(
      ["git", "-C", directory] + (Self.settings + trust + settings).flatMap { ["-c", $0] } + arguments, input: input,
      maximumOutput: maximumOutput, maximumErrors: 1 << 20)
    switch outcome {
    case .ended(let output, let errors, let status?):
      return Output(bytes: output, status: status, message: message(String(decoding: errors, as: UTF8.self)))
    case .ended(_, _, nil):
      return Output(bytes: [], status: -1, message: "it was stopped: it is too large, or takes too long")
    case .failed: return Output(bytes: [], status: -1, message: "it cannot be started")
    case .outOfTime: throw .unavailable("git takes longer than \(seconds) s")
    case .tooMuch: throw .invalid("git prints more than \(maximumOutput) bytes")
    case .missing: throw .invalid("this server has no git (Debian: git and util-linux)")
    case .noRoom: throw .unavailable("the server has no room to set a list of files aside")
    case .cancelled: throw .cancelled
    }
  }

  /// Of what it said the line that names the cause: the first one that is fatal. What follows is what followed from it,
  /// and advice.
  private func message(_ errors: String) -> String {
    // Signal 25 is SIGXFSZ: one of its processes wrote more than the limit allows.
    if errors.contains("died of signal 25") || errors.contains("File too large") {
      return "it is too large: no file of its copy may have more than \(maximumFileBytes) bytes"
    }
    let lines = errors.split(whereSeparator: \.isNewline)
    return (lines.first { $0.hasPrefix("fatal:") } ?? lines.last).map(String.init) ?? ""
  }

  /// A file of certificates takes the place of the system's file, but is looked at beside the system's folder.
  private var trust: [String] {
    authorities.map { ["http.sslCAInfo=\($0)", "http.sslCAPath=/etc/ssl/certs"] } ?? []
  }

  /// It reads no configuration but ours and asks nobody.
  private static let environment = [
    "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "/bin/false", "GIT_NO_REPLACE_OBJECTS": "1", "GIT_OPTIONAL_LOCKS": "0",
  ]

  /// What overrules whatever a repository says of itself.
  private static let settings = [
    "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.symlinks=false", "credential.helper=", "gc.auto=0",
    "fetch.fsckObjects=true", "http.followRedirects=false", "transfer.bundleURI=false", "maintenance.auto=false",
  ]
}
