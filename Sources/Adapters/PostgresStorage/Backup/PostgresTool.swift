import FoundationEssentials
import StorageBackups
import Subprocess
import SystemPackage

/// `pg_dump` and `pg_restore`, run with the database of a URL.
struct PostgresTool {
  /// The most bytes of what a tool prints that are kept.
  private static let maximumOutput = 64 << 20

  let name: String
  /// The folder that it lies in; `nil` looks on the `PATH`.
  let folder: String?
  let parameters: ConnectionParameters

  /// Runs it with the arguments and the address of the database, and gives what it printed. The password goes by the
  /// environment: arguments can be read by other users of the machine.
  ///
  /// - Throws: `.unavailable` with what the tool complained of, or when there is no such tool.
  func run(_ arguments: [String], onDatabase: Bool = true) async throws(BackupFailure) -> String {
    var environment = Environment.inherit
    var address: [String] = []
    if onDatabase {
      if let password = parameters["password"] { environment = environment.updating(["PGPASSWORD": password]) }
      address = ["--no-password", "--dbname=\(connectionText)"]
    }
    let result: ExecutionResult<Void, StringOutput<UTF8>, StringOutput<UTF8>>
    do {
      result = try await Subprocess.run(
        folder.map { .path(FilePath("\($0)/\(name)")) } ?? .name(name), arguments: Arguments(arguments + address),
        environment: environment, output: .string(limit: Self.maximumOutput), error: .string(limit: 1 << 20))
    } catch {
      throw .unavailable(
        """
        \(name) cannot be run: install PostgreSQL's client programs (Debian: postgresql-client), or name their folder \
        with database.tools
        """)
    }
    guard result.terminationStatus.isSuccess else {
      let complaint = parameters.redacted(result.standardError).trimmed
      throw .unavailable("\(name) failed: \(complaint.isEmpty ? "\(result.terminationStatus)" : complaint)")
    }
    return result.standardOutput
  }

  /// Refuses a tool that is older than the server, which it would refuse itself in other words.
  func check(serverVersion: Int) async throws(BackupFailure) {
    let text = try await run(["--version"], onDatabase: false)
    let major = text.split { !$0.isNumber && $0 != "." }.first.flatMap { $0.split(separator: ".").first }.flatMap {
      Int($0)
    }
    guard let major, major >= serverVersion / 10_000 else {
      throw .unavailable(
        """
        \(name) is of version \(major.map(String.init) ?? "unknown") and the server of \(serverVersion / 10_000): install \
        the client programs of that version, or name their folder with database.tools
        """)
    }
  }

  /// The address in libpq's `keyword='value'` form, without secrets.
  private var connectionText: String {
    parameters.values(applicationName: "opentier").filter { $0.keyword != "password" }.map { keyword, value in
      let escaped = value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] }
      return "\(keyword)='\(String(escaped))'"
    }.joined(separator: " ")
  }
}

extension String {
  fileprivate var trimmed: String {
    String(drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
  }
}
