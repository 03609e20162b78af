import ArgumentParser
import Foundation
import SchemaMigrations
import StorageBackups

/// `opentier backup`.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup", abstract: "Write everything that is stored into one file.",
    discussion: """
      The server may go on running: the backup holds what one moment held. The file is a tar archive of a manifest (counts
      and hashes of all tables) and the database's own part: a SQLite file, or what pg_dump writes.
      """)

  @OptionGroup var common: CommonOptions
  @Flag(help: "Replace the file if it is there.") var force = false
  @Argument(help: "The file to write.") var file: String

  func run() async throws {
    let configuration = try common.configuration()
    let manifest = try await BackupCommand.translating {
      try await Backups.write(configuration, to: URL(filePath: file), replacing: force)
    }
    BackupCommand.show(manifest, "backed up", to: terminal, isJSON: common.json)
  }

  /// Runs `body` and says its failure for people and scripts.
  static func translating<Value>(_ body: () async throws -> Value) async throws -> Value {
    do {
      return try await body()
    } catch let failure as BackupFailure {
      if case .unavailable = failure { throw CommandFailure(.unavailable, failure.description) }
      throw CommandFailure(.failure, failure.description)
    } catch let failure as MigrationFailure {
      throw CommandFailure(.failure, failure.description)
    }
  }

  static func show(_ manifest: BackupManifest, _ what: String, to terminal: Terminal, isJSON: Bool) {
    if isJSON {
      let tables = manifest.tables.map { table in
        JSONText.object(raw: [
          ("name", JSONText.quoted(table.name)), ("rows", "\(table.rows)"), ("sha256", JSONText.quoted(table.sha256)),
        ])
      }
      terminal.line(
        JSONText.object(raw: [
          ("createdAt", JSONText.quoted(manifest.createdAt.formatted(.iso8601))),
          ("engine", JSONText.quoted(manifest.engine.rawValue)), ("bytes", "\(manifest.payloadBytes)"),
          ("tables", "[" + tables.joined(separator: ",") + "]"),
        ]))
      return
    }
    let rows = manifest.tables.reduce(0) { $0 + $1.rows }
    terminal.line("\(what): \(rows) rows in \(manifest.tables.count) tables, \(manifest.payloadBytes) bytes")
  }
}

/// `opentier restore`.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore", abstract: "Put what a backup holds back into an empty database.",
    discussion: """
      The archive's checksum is always checked. With --verify the restored rows are counted and hashed as well, and
      compared with what was backed up. Stop the server first, or start it again afterwards.
      """)

  @OptionGroup var common: CommonOptions
  @Flag(help: "Count and hash what was restored, and compare it with what was backed up.") var verify = false
  @Flag(help: "Replace a database that holds something.") var force = false
  @Argument(help: "The file that opentier backup wrote.") var file: String

  func run() async throws {
    let configuration = try common.configuration()
    guard FileManager.default.fileExists(atPath: file) else {
      throw CommandFailure(.notFound, "there is no file \(file)")
    }
    let manifest = try await BackupCommand.translating {
      try await Backups.restore(configuration, from: URL(filePath: file), verifying: verify, replacing: force)
    }
    BackupCommand.show(manifest, verify ? "restored and verified" : "restored", to: terminal, isJSON: common.json)
  }
}
