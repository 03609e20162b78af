import ArgumentParser
import Foundation
import PostgresStorage
import SQLiteStorage
import SchemaMigrations
import Settings

/// `opentier migrate`.
struct MigrateCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "migrate", abstract: "Look at and change the schema of the database.",
    discussion: "The server applies what is missing when it starts; these commands are for doing it by hand.",
    subcommands: [Up.self, Down.self, Status.self])

  /// `opentier migrate up`.
  struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "up", abstract: "Apply what was not applied yet.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      MigrateCommand.show(
        try await MigrateCommand.migrating(common) { try await $0.up() }, "applied", isJSON: common.json)
    }
  }

  /// `opentier migrate down`.
  struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "down", abstract: "Take back the last migrations, with what they hold.")
    @OptionGroup var common: CommonOptions
    @Option(help: "How many.") var steps = 1
    @Flag(help: "Needed, because data is lost.") var force = false

    func validate() throws {
      guard steps >= 1 else { throw ValidationError("--steps must be at least 1") }
      guard force else {
        throw ValidationError("taking a migration back deletes the data of its tables; say --force if you mean it")
      }
    }

    func run() async throws {
      let steps = steps
      MigrateCommand.show(
        try await MigrateCommand.migrating(common) { try await $0.down(steps: steps) }, "taken back",
        isJSON: common.json)
    }
  }

  /// `opentier migrate status`.
  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "status", abstract: "List all migrations and whether they were applied.")
    @OptionGroup var common: CommonOptions

    func run() async throws {
      let status = try await MigrateCommand.migrating(common) { try await $0.status() }
      if common.json {
        let items = status.map { migration in
          JSONText.object(raw: [
            ("name", JSONText.quoted(migration.name)),
            ("appliedAt", migration.appliedAt.map { JSONText.quoted($0.formatted(.iso8601)) } ?? "null"),
          ])
        }
        terminal.line("[" + items.joined(separator: ",\n") + "]")
        return
      }
      for migration in status {
        terminal.line("\(migration.name)  \(migration.appliedAt.map { $0.formatted(.iso8601) } ?? "not applied")")
      }
    }
  }

  private static func migrating<Value>(
    _ common: CommonOptions, _ body: (any SchemaMigrator) async throws -> Value
  ) async throws -> Value {
    let configuration = try common.configuration()
    do {
      let migrator: any SchemaMigrator
      switch configuration.profile {
      case .offline: migrator = try SQLiteMigrator(path: try DataDirectory.prepare(configuration.dataDirectory))
      case .production: migrator = try PostgresMigrator(url: PostgresOpening.migrationURL(configuration))
      case .memory: throw CommandFailure(.usage, "the memory profile has no schema to migrate")
      }
      return try await body(migrator)
    } catch let failure as CommandFailure {
      throw failure
    } catch let failure as PostgresStartFailure {
      throw CommandFailure(failure)
    } catch {
      throw CommandFailure(.failure, "\(error)")
    }
  }

  private static func show(_ names: [String], _ what: String, isJSON: Bool) {
    if isJSON {
      Terminal.standard.line("[" + names.map(JSONText.quoted).joined(separator: ",") + "]")
    } else {
      Terminal.standard.line(names.isEmpty ? "nothing to do" : names.map { "\(what): \($0)" }.joined(separator: "\n"))
    }
  }
}

/// Changes the schema of some database.
private protocol SchemaMigrator {
  func up() async throws -> [String]
  func down(steps: Int) async throws -> [String]
  func status() async throws -> [MigrationStatus]
}

extension SQLiteMigrator: SchemaMigrator {}
extension PostgresMigrator: SchemaMigrator {}
