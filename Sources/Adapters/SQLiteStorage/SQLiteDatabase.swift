import Application
package import GRDB

/// The open file: one connection that writes, some that read, in write-ahead-log mode.
package struct SQLiteDatabase: Sendable {
  /// How long a call waits for another process's write unless said otherwise, in seconds.
  package static let defaultBusyTimeout = 5.0

  private let pool: DatabasePool
  private let lookups: DatabaseQueue
  private let onFull: @Sendable () -> Void

  /// Opens a file whose schema is current.
  ///
  /// - Parameter onFull: called whenever a call fails because there is no room; it must not block.
  init(path: String, busyTimeout: Double, onFull: @escaping @Sendable () -> Void = {}) throws(StorageFailure) {
    self.onFull = onFull
    do {
      var configuration = Self.configuration(busyTimeout: busyTimeout)
      pool = try DatabasePool(path: path, configuration: configuration)
      configuration.readonly = true
      lookups = try DatabaseQueue(path: path, configuration: configuration)
    } catch {
      throw StorageFailure(error)
    }
  }

  /// What every connection is set to.
  package static func configuration(busyTimeout: Double) -> Configuration {
    var configuration = Configuration()
    configuration.busyMode = .timeout(busyTimeout)
    configuration.foreignKeysEnabled = true
    configuration.prepareDatabase { db in
      // FULL syncs the log at each commit: what was acknowledged survives a power cut, not only a crash.
      try db.execute(sql: "PRAGMA synchronous = FULL")
    }
    return configuration
  }

  /// Reads from one snapshot.
  func read<Value: Sendable>(
    _ body: @Sendable (Database) throws -> Value
  ) async throws(StorageFailure) -> Value {
    do { return try await pool.read(body) } catch { throw told(error) }
  }

  /// Reads a row by an index, on the caller's thread.
  ///
  /// For what every request asks, such as whose a token is: such a read takes some 15 µs, and the way to a reader's
  /// queue and back several times that. It has a connection of its own, so that it never waits behind a search.
  func lookUp<Value>(_ body: (Database) throws -> Value) throws(StorageFailure) -> Value {
    guard !Task.isCancelled else { throw .cancelled }
    do { return try lookups.read(body) } catch { throw StorageFailure(error) }
  }

  /// Reads and writes in one immediate transaction, which is rolled back when `body` throws.
  func write<Value: Sendable>(
    _ body: @Sendable (Database) throws -> Value
  ) async throws(StorageFailure) -> Value {
    do { return try await pool.write(body) } catch { throw told(error) }
  }

  /// The same, on the caller's thread, which waits.
  func writeNow<Value>(_ body: (Database) throws -> Value) throws(StorageFailure) -> Value {
    do { return try pool.write(body) } catch { throw told(error) }
  }

  /// The same under a lease: a `LeaseFailure` of `body` passes through.
  func writeUnderLease<Value: Sendable>(
    _ body: @Sendable (Database) throws -> Value
  ) async throws(LeaseFailure) -> Value {
    do {
      return try await pool.write(body)
    } catch let failure as LeaseFailure {
      throw failure
    } catch {
      throw .storage(told(error))
    }
  }

  /// The same, but a power cut may undo it, like all that was written this way since the last other write; a crash of this
  /// process does not.
  ///
  /// For what means nothing without the process that wrote it, such as a lease and its progress: waiting for the disk
  /// takes milliseconds, and everybody who writes waits in line.
  func noteUnderLease<Value: Sendable>(
    _ body: @escaping @Sendable (Database) throws -> Value
  ) async throws(LeaseFailure) -> Value {
    guard !Task.isCancelled else { throw .storage(.cancelled) }
    let pool = pool
    // In a task of its own, which nobody cancels: a statement of a cancelled task fails, and the last one must not.
    let result = await Task<Value, any Error> {
      try await pool.writeWithoutTransaction { db in
        try db.execute(sql: "PRAGMA synchronous = NORMAL")
        let result = Result<Value, any Error> {
          var value: Value?
          try db.inTransaction(.immediate) {
            value = try body(db)
            return .commit
          }
          guard let value else { throw StorageFailure.corrupt("a transaction ended without its value") }
          return value
        }
        // Whatever became of it: the next write is to be durable again.
        try db.execute(sql: "PRAGMA synchronous = FULL")
        return try result.get()
      }
    }.result
    do {
      return try result.get()
    } catch let failure as LeaseFailure {
      throw failure
    } catch {
      throw .storage(told(error))
    }
  }

  /// What a driver's error means; that there is no room is told to the operator, too.
  private func told(_ error: any Error) -> StorageFailure {
    let failure = StorageFailure(error)
    if case .full = failure { onFull() }
    return failure
  }

  func close() throws(StorageFailure) {
    do {
      try lookups.close()
      try pool.close()
    } catch {
      throw StorageFailure(error)
    }
  }
}

extension Database {
  /// Reads from the file: an error when it is no database of ours.
  func checkSchema() throws { try execute(sql: "SELECT name FROM schema_migrations LIMIT 1") }
}
