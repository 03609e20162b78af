import Application
import Logging
import PostgresStorage
import SchemaMigrations
import Settings

/// Opens the storage of the `production` profile.
struct PostgresOpening {
  /// How long to wait between two looks at a database that does not answer yet.
  private static let retryInterval: Duration = .milliseconds(500)

  private let configuration: ServerConfiguration
  private let url: String
  private let logger: Logger

  init(_ configuration: ServerConfiguration, logger: Logger) throws(CommandFailure) {
    self.configuration = configuration
    url = try Self.url(configuration)
    self.logger = logger
  }

  /// The address with the application's login.
  static func url(_ configuration: ServerConfiguration) throws(CommandFailure) -> String {
    guard let url = configuration.databaseURL?.reveal() else {
      throw CommandFailure(.usage, "databaseURL is not set")
    }
    return url
  }

  /// The address with the login that owns the schema.
  static func migrationURL(_ configuration: ServerConfiguration) throws(CommandFailure) -> String {
    if let url = configuration.database.migrationURL?.reveal() { return url }
    return try url(configuration)
  }

  /// Brings the schema up to date, or checks that it is, and opens the pool.
  ///
  /// - Parameter isServer: whether to wait for a database that does not answer yet.
  func open(isServer: Bool) async throws -> Storage {
    try await prepareSchema(patience: isServer ? configuration.database.startTimeout : .zero)
    let diagnostics = PostgresLogging.diagnostics(logger)
    let pool: PostgresConfiguration
    do { pool = try self.pool() } catch { throw CommandFailure(.usage, error.description) }
    do throws(StorageFailure) {
      let storage = try await PostgresStorage(configuration: pool, search: search, diagnostics: diagnostics)
      let listener = PostgresListener(
        configuration: pool, channels: [PostgresJobQueue.channel, PostgresReplyLog.channel],
        diagnostics: diagnostics)
      return Storage(storage, listener: listener)
    } catch {
      throw CommandFailure(.unavailable, error.words)
    }
  }

  private var search: PostgresSearchSettings {
    var search = PostgresSearchSettings()
    search.efSearch = configuration.retrieval.efSearch
    return search
  }

  /// How the application's connections are made and kept.
  func pool() throws(PostgresConfigurationFailure) -> PostgresConfiguration {
    let settings = configuration.database
    var pool = try PostgresConfiguration(url: url)
    pool.minimumConnections = settings.minimumConnections
    pool.maximumConnections = settings.maximumConnections
    pool.checkoutTimeout = settings.checkoutTimeout / .seconds(1)
    pool.outageTolerance = settings.outageTolerance / .seconds(1)
    pool.connectTimeout = settings.connectTimeout / .seconds(1)
    pool.idleTimeout = settings.idleTimeout / .seconds(1)
    pool.maximumLifetime = settings.maximumLifetime / .seconds(1)
    pool.healthCheckAfter = settings.healthCheckAfter / .seconds(1)
    pool.statementTimeout = settings.statementTimeout / .seconds(1)
    return pool
  }

  /// Looks at the schema, again and again while the database does not answer and there is patience left.
  private func prepareSchema(patience: Duration) async throws {
    let deadline = ContinuousClock.now + patience
    var isWaiting = false
    while true {
      do throws(PostgresStartFailure) {
        return try await prepareSchemaNow()
      } catch {
        guard error.mayPass, ContinuousClock.now < deadline else { throw CommandFailure(error) }
        if !isWaiting { logger.notice("waiting for the database", metadata: ["reason": "\(error)"]) }
        isWaiting = true
      }
      try await Task.sleep(for: Self.retryInterval)
    }
  }

  private func prepareSchemaNow() async throws(PostgresStartFailure) {
    let diagnostics = PostgresLogging.diagnostics(logger)
    let migrator: PostgresMigrator
    do throws(CommandFailure) {
      let owner = try Self.migrationURL(configuration)
      migrator = try Self.migrator(owner, diagnostics)
    } catch {
      throw .configuration(error.description)
    }
    switch configuration.database.migrations {
    case .start:
      for name in try await migrator.prepare(for: url) {
        logger.notice("migration applied", metadata: ["migration": "\(name)"])
      }
    case .manual:
      try await PostgresMigrator.checkAccess(url: url, diagnostics: diagnostics)
      if let pending = try await migrator.status().first(where: { $0.appliedAt == nil }) {
        throw .configuration(
          "the schema is not up to date: migration \(pending.name) was not applied; run opentier migrate up")
      }
    }
  }

  private static func migrator(
    _ url: String, _ diagnostics: @escaping PostgresDiagnostics
  ) throws(CommandFailure) -> PostgresMigrator {
    do { return try PostgresMigrator(url: url, diagnostics: diagnostics) } catch { throw CommandFailure(error) }
  }
}

extension PostgresStartFailure {
  /// Whether waiting may help.
  fileprivate var mayPass: Bool {
    guard case .connection(let failure, _) = self else { return false }
    switch failure {
    case .unreachable, .unknownHost, .connectTimeout, .lost, .closed, .outcomeUnknown, .exhausted: return true
    case .refused(let state): return state.hasPrefix("57P0") || state == "53300"
    case .tlsRefused, .tooLarge, .transactionEnded: return false
    }
  }
}

extension CommandFailure {
  /// What a failed start means at the command line.
  init(_ failure: PostgresStartFailure) {
    switch failure {
    case .configuration: self.init(.usage, failure.description)
    case .connection: self.init(.unavailable, failure.description)
    default: self.init(.failure, failure.description)
    }
  }
}
