import Dispatch
import Foundation
import Glibc
import PostgresTesting

/// A server of a test's own, which it may stop, start and fill up. Roles: `postgres` needs no password, `secured` needs
/// `right password`, `excluded` is not admitted, `limited` has one connection.
struct OwnServer: Sendable {
  private let binaries: String
  private let folder: URL
  private let port: Int

  static var isWanted: Bool { PostgresTestServer.binaries != nil && PostgresTestServer.isWanted }

  /// Its URL for a role.
  func url(_ role: String = "postgres", password: String? = nil, options: String = "") -> String {
    let login = password.map { role + ":" + $0 } ?? role
    return "postgresql://\(login)@127.0.0.1:\(port)/postgres" + options
  }

  /// Runs `body` with a server that runs, and removes it afterwards.
  static func withServer(_ body: (OwnServer) async throws -> Void) async throws {
    guard let binaries = PostgresTestServer.binaries else {
      throw PostgresTestFailure("no folder of PostgreSQL's programs")
    }
    let folder = FileManager.default.temporaryDirectory.appending(path: "opentier-\(UUID().uuidString.prefix(8))")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    if getuid() == 0 { try FileManager.default.setAttributes([.ownerAccountName: "nobody"], ofItemAtPath: folder.path) }
    let server = OwnServer(binaries: binaries, folder: folder, port: try freePort())
    let result: Result<Void, any Error>
    do {
      try await server.make()
      result = .success(try await body(server))
    } catch {
      result = .failure(error)
    }
    // It may be stopped already, or never have come up; the folder goes in any case.
    _ = try? await server.stop("immediate")
    try FileManager.default.removeItem(at: folder)
    try result.get()
  }

  func start() async throws {
    try await run("pg_ctl", ["start", "-w", "-D", data, "-l", folder.appending(path: "log").path])
  }

  /// Stops it: `fast` ends the connections and writes everything, `immediate` is like a crash.
  func stop(_ mode: String) async throws { try await run("pg_ctl", ["stop", "-w", "-D", data, "-m", mode]) }

  private var data: String { folder.appending(path: "data").path }

  private func make() async throws {
    try await run("initdb", ["-D", data, "-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--no-locale"])
    let settings = """

      listen_addresses = '127.0.0.1'
      port = \(port)
      unix_socket_directories = ''
      fsync = off
      shared_buffers = '16MB'
      """
    let access = """
      host all excluded all reject
      host all secured all scram-sha-256
      host all all all trust
      """
    try await run("/bin/sh", ["-c", "echo \"$1\" >> \"$0/postgresql.conf\"", data, settings])
    try await run("/bin/sh", ["-c", "echo \"$1\" > \"$0/pg_hba.conf\"", data, access])
    try await start()
    try await PostgresTestServer.execute(applicationRole, at: url())
    let roles = """
      CREATE ROLE excluded LOGIN;
      CREATE ROLE secured LOGIN PASSWORD 'right password'; GRANT opentier_app TO secured;
      CREATE ROLE limited LOGIN CONNECTION LIMIT 1; GRANT opentier_app TO limited
      """
    try await PostgresTestServer.execute(roles, at: url())
  }

  /// Runs a program, not as root, on a thread that is none of Swift's cooperative ones.
  private func run(_ program: String, _ arguments: [String]) async throws {
    let path = program.hasPrefix("/") ? program : binaries + "/" + program
    try await withCheckedThrowingContinuation { (continuation: CheckedContinuation<Void, any Error>) in
      // A queue of its own is given a thread of its own: the global one shares its few with everything that awaits.
      DispatchQueue(label: "tests.blocking").async {
        continuation.resume(with: Result { try Self.runBlocking(path, arguments) })
      }
    }
  }

  /// Foundation's `Process` would wait for the server that `pg_ctl` leaves running, as that inherits its socket.
  private static func runBlocking(_ path: String, _ arguments: [String]) throws {
    let user = getuid() == 0 ? ["/usr/sbin/runuser", "-u", "nobody", "--"] : []
    // The folder that the tests run in may be closed to that user.
    let command = user + ["/bin/sh", "-c", "cd / && exec \"$0\" \"$@\"", path] + arguments
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (descriptor, flags) in [(0, O_RDONLY), (1, O_WRONLY), (2, O_WRONLY)] {
      posix_spawn_file_actions_addopen(&actions, Int32(descriptor), "/dev/null", flags, 0)
    }
    let words = command.map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var process = pid_t()
    var status: Int32 = 0
    guard posix_spawn(&process, command[0], &actions, nil, words, environ) == 0 else {
      throw PostgresTestFailure("\(command[0]) cannot be run")
    }
    while waitpid(process, &status, 0) == -1, errno == EINTR {}
    guard status == 0 else { throw PostgresTestFailure("\(command) failed") }
  }

  private static func freePort() throws -> Int { try SilentServer().port }
}
