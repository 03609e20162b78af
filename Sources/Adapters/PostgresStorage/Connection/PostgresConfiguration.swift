/// How to reach a database and how much of it to use.
package struct PostgresConfiguration: Sendable {
  /// A `postgresql://` URL or libpq's `key=value` text. TLS is libpq's: `sslmode`, `sslrootcert`, `sslcert`, … in it.
  package let url: String
  /// How many connections are kept open even when idle.
  package var minimumConnections = 1
  /// How many connections are open at most.
  package var maximumConnections = 10
  /// How long a call waits for a connection, in seconds; also how long connecting is tried again.
  package var checkoutTimeout: Double = 5
  /// How long calls wait out that connecting fails, in seconds. When it has failed for longer without a break, calls
  /// fail at once, until an attempt in the background succeeds.
  package var outageTolerance: Double = 2
  /// How long one attempt to connect may take, in seconds.
  package var connectTimeout: Double = 5
  /// An idle connection beyond the minimum is closed after so many seconds.
  package var idleTimeout: Double = 300
  /// A connection is closed after so many seconds, once its transaction has ended.
  package var maximumLifetime: Double = 1800
  /// A connection that was idle for longer, in seconds, is asked whether it is alive before it is used.
  package var healthCheckAfter: Double = 30
  /// The server cancels a statement of the application after so many seconds.
  package var statementTimeout: Double = 30
  /// The server ends a transaction of the application that is idle for so many seconds.
  package var idleInTransactionTimeout: Double = 30
  /// How many prepared statements a connection keeps; the one unused for longest goes first.
  package var maximumPreparedStatements = 256
  /// What `pg_stat_activity` shows, unless the URL names another.
  package var applicationName = "opentier"

  /// What libpq read from the URL, the defaults not filled in.
  let parameters: ConnectionParameters

  /// Checks the URL; nothing is connected.
  ///
  /// - Throws: what is wrong with the URL, in words that hold nothing of it.
  package init(url: String) throws(PostgresConfigurationFailure) {
    parameters = try ConnectionParameters(url: url)
    self.url = url
  }
}

/// What is wrong with a configuration; it never quotes the URL, which may hold a password.
package struct PostgresConfigurationFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was wrong and what to do.
  package let description: String
}
