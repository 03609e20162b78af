import Foundation
import PostgresStorage
import SQLiteStorage
import SchemaMigrations
import Settings
import StorageBackups

/// Backups of the database of a profile.
enum Backups {
  /// Writes a backup and says what is in it.
  static func write(
    _ configuration: ServerConfiguration, to file: URL, replacing: Bool
  ) async throws -> BackupManifest {
    let path = file.path(percentEncoded: false)
    guard replacing || !FileManager.default.fileExists(atPath: path) else {
      throw BackupFailure.occupied("\(path) is there already; take another name, or say --force to replace it")
    }
    return try await withPayload(beside: file) { payload in
      let payloadPath = payload.path(percentEncoded: false)
      let engine = try engine(configuration)
      let contents: (tables: [TableDigest], migrations: [String])
      switch engine {
      case .sqlite:
        contents = try SQLiteBackup.copy(directory: configuration.dataDirectory, to: payloadPath)
      case .postgres:
        contents = try await PostgresBackup.dump(
          url: PostgresOpening.migrationURL(configuration), tools: configuration.database.tools, to: payloadPath)
      }
      let (bytes, sha256) = try BackupArchive.digest(of: payload)
      let manifest = BackupManifest(
        version: Version.current, engine: engine, createdAt: .now, migrations: contents.migrations,
        tables: contents.tables, payloadBytes: bytes, payloadSHA256: sha256)
      try BackupArchive.write(manifest, payload: payload, to: file, replacing: replacing)
      return manifest
    }
  }

  /// Puts a backup in the place of the database.
  ///
  /// - Parameters:
  ///   - verifying: whether the restored rows are counted and hashed and compared with those that were backed up.
  ///   - replacing: whether a database that holds something is replaced.
  static func restore(
    _ configuration: ServerConfiguration, from file: URL, verifying: Bool, replacing: Bool
  ) async throws -> BackupManifest {
    let engine = try engine(configuration)
    return try await withPayload(beside: nil) { payload in
      let payloadPath = payload.path(percentEncoded: false)
      let manifest = try BackupArchive.extract(file, payloadTo: payload)
      guard manifest.engine == engine else {
        throw BackupFailure.invalidArchive(
          """
          \(file.path(percentEncoded: false)) is a backup of \(manifest.engine == .sqlite ? "SQLite" : "PostgreSQL"): \
          restore it with --profile \(manifest.engine == .sqlite ? "offline" : "production")
          """)
      }
      let found: [TableDigest]
      switch engine {
      case .sqlite:
        // A schema that this binary does not know would be found only at the next start.
        _ = try SQLiteMigrator(path: payloadPath).status()
        if verifying {
          // Before anything is replaced: what is bad leaves the old data where they are.
          let differences = manifest.differences(from: try SQLiteBackup.contents(of: payloadPath).tables)
          guard differences.isEmpty else { throw BackupFailure.different(differences) }
        }
        try SQLiteBackup.restore(payloadPath, to: configuration.dataDirectory, replacing: replacing)
        found = verifying ? try SQLiteBackup.contents(ofDirectory: configuration.dataDirectory).tables : manifest.tables
      case .postgres:
        let url = try PostgresOpening.migrationURL(configuration)
        try await PostgresBackup.restore(
          payloadPath, migrations: manifest.migrations, url: url, tools: configuration.database.tools,
          replacing: replacing)
        found = verifying ? try await PostgresBackup.contents(url: url).tables : manifest.tables
      }
      let differences = manifest.differences(from: found)
      guard differences.isEmpty else { throw BackupFailure.different(differences) }
      return manifest
    }
  }

  private static func engine(_ configuration: ServerConfiguration) throws -> BackupManifest.Engine {
    switch configuration.profile {
    case .offline: .sqlite
    case .production: .postgres
    case .memory: throw CommandFailure(.usage, "the memory profile keeps nothing that could be backed up")
    }
  }

  /// Runs `body` with the name of a file for the database's part, which is removed afterwards.
  private static func withPayload<Value>(
    beside file: URL?, _ body: (URL) async throws -> Value
  ) async throws -> Value {
    let folder = file?.deletingLastPathComponent() ?? FileManager.default.temporaryDirectory
    let payload = folder.appending(path: ".opentier-\(UUID().uuidString).partial")
    let result: Result<Value, any Error>
    do { result = .success(try await body(payload)) } catch { result = .failure(error) }
    // It may not have come to be; and what went wrong before counts more.
    try? FileManager.default.removeItem(at: payload)
    return try result.get()
  }
}
