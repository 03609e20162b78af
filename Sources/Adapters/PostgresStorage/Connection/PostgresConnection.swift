import CLibPQ
import Dispatch
import Synchronization

/// One connection to the server.
///
/// The actor runs on a queue of its own, where the handlers of its dispatch sources run too, so that libpq is never
/// touched by two threads at once; libpq never blocks that queue but to look up a host's name. Statements queue up,
/// first in, first out. A cancelled task's statement is cancelled on the server, and the connection stays usable.
///
/// The application's transactions go through ``PostgresDatabase``. What uses a connection directly, the migrator and
/// the listener, runs as the role of the URL, without a tenant and without time-outs.
package actor PostgresConnection {
  nonisolated let executor = QueueExecutor(label: "postgres.connection")
  /// The connection's own queue.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  nonisolated let configuration: PostgresConfiguration
  nonisolated let diagnostics: PostgresDiagnostics
  /// When it was made, in nanoseconds of the monotonic clock.
  nonisolated let createdAt = DispatchTime.now().uptimeNanoseconds
  private nonisolated let isUsableFlag = Atomic(false)
  let onNotification: NotificationHandler?
  private let onEnd: (@Sendable (PostgresConnection) -> Void)?

  /// What libpq holds; `nil` before it is connected and after it has ended.
  var session: LibPQSession?
  var cache: StatementCache
  var current: Exchange?
  var waiting: [Exchange] = []
  var isAdvancing = false
  /// When the server last took or gave anything, in nanoseconds of the monotonic clock.
  var lastProgress: UInt64 = 0
  /// When its silence is looked at next, on the same clock.
  var nextCheck = UInt64.max

  /// Whether the server's process is another than the one that libpq was told of, so that statements of different
  /// transactions may go to different processes, as with PgBouncer.
  package private(set) var isThroughPooler = false
  /// The server's version, such as 160014.
  package private(set) var serverVersion = 0

  /// Receives a channel and a payload, on the connection's queue; it must not block.
  package typealias NotificationHandler = @Sendable (_ channel: String, _ payload: String) -> Void

  init(
    configuration: PostgresConfiguration, diagnostics: @escaping PostgresDiagnostics,
    onNotification: NotificationHandler?, onEnd: (@Sendable (PostgresConnection) -> Void)?
  ) {
    self.configuration = configuration
    self.diagnostics = diagnostics
    self.onNotification = onNotification
    self.onEnd = onEnd
    cache = StatementCache(maximum: configuration.maximumPreparedStatements)
  }

  /// Opens a connection within the configuration's connect time-out.
  ///
  /// - Throws: `PostgresConnectionFailure` or `CancellationError`.
  package static func connect(
    _ configuration: PostgresConfiguration, diagnostics: @escaping PostgresDiagnostics = { _ in },
    onNotification: NotificationHandler? = nil
  ) async throws -> PostgresConnection {
    let connection = PostgresConnection(
      configuration: configuration,
      diagnostics: diagnostics,
      onNotification: onNotification,
      onEnd: nil
    )
    try await connection.open()
    return connection
  }

  /// Whether it is connected, as far as is known.
  package nonisolated var isUsable: Bool { isUsableFlag.load(ordering: .acquiring) }

  /// Runs a statement outside of the application's transactions and gives its rows.
  ///
  /// - Throws: `PostgresError`, `PostgresConnectionFailure` or `CancellationError`.
  package nonisolated func rows(_ sql: SQL) async throws -> [PostgresRow] {
    try await perform(.statements([Statement(sql)])).get()[0].rows
  }

  /// Runs a statement outside of the application's transactions and gives its first row.
  package nonisolated func first(_ sql: SQL) async throws -> PostgresRow? { try await rows(sql).first }

  /// Runs a statement outside of the application's transactions and gives the number of rows that it touched.
  @discardableResult
  package nonisolated func execute(_ sql: SQL) async throws -> Int {
    try await perform(.statements([Statement(sql)])).get()[0].affected
  }

  /// Runs the text of any number of statements in the simple protocol: one transaction, unless it says otherwise.
  package nonisolated func script(_ text: String) async throws { _ = try await perform(.script(text)).get() }

  /// Ends the connection; what runs fails as lost, and the server rolls it back.
  package func close() { end(nil) }

  /// Looks whether the server has closed the connection, as soon as its queue is free.
  nonisolated func lookSoon() {
    executor.queue.async { self.assumeIsolated { if $0.current == nil { _ = $0.live() } } }
  }

  /// Ends the connection as soon as its queue is free.
  nonisolated func closeSoon() { executor.queue.async { self.assumeIsolated { $0.close() } } }

  /// Asks the server to cancel what runs, then ends the connection.
  nonisolated func abortSoon() {
    executor.queue.async {
      self.assumeIsolated { connection in
        if connection.current != nil { connection.session?.cancellation.request {} }
        connection.close()
      }
    }
  }

  /// Whether the server answers; if not, the connection ends.
  nonisolated func isAlive(within limit: Double) async -> Bool {
    await perform(.statements([Statement("SELECT 1")]), isCancellable: false, silenceLimit: limit).error == nil
  }

  /// Connects and looks whether it is through a pooler.
  func open() async throws {
    let session = try await Connecting(configuration, diagnostics, on: executor.queue).session()
    self.session = session
    isUsableFlag.store(true, ordering: .releasing)
    if onNotification != nil { startReading(session) }
    serverVersion = Int(PQserverVersion(session.handle))
    let limit = configuration.connectTimeout
    let told = Int(PQbackendPID(session.handle))
    do {
      let result = try await perform(.statements([Statement("SELECT pg_backend_pid()")]), silenceLimit: limit).get()
      isThroughPooler = try result[0].rows[0].value("pg_backend_pid", as: Int.self) != told
    } catch {
      close()
      throw error
    }
    diagnostics(.connected(throughPooler: isThroughPooler, serverVersion: serverVersion))
  }

  /// Ends the connection and fails what runs and waits.
  ///
  /// - Parameter reason: why it ended on its own, in words for the operator; `nil` when it was closed.
  func end(_ reason: String?) {
    guard let session else { return }
    self.session = nil
    isUsableFlag.store(false, ordering: .releasing)
    session.close()
    if let reason { diagnostics(.connectionLost(detail: configuration.parameters.redacted(reason))) }
    let unanswered = current
    let unsent = waiting
    current = nil
    waiting = []
    if let unanswered {
      if !unanswered.isAnswered { unanswered.fail(PostgresConnectionFailure.lost(unanswered.lost)) }
      settle(unanswered)
    }
    for exchange in unsent {
      exchange.fail(reason == nil ? PostgresConnectionFailure.closed : .lost(.beforeSending))
      exchange.complete()
    }
    onEnd?(self)
  }

  /// Hands on the notifications that have come.
  func deliverNotifications(of session: LibPQSession) {
    while let notification = PQnotifies(session.handle) {
      onNotification?(String(cString: notification.pointee.relname), String(cString: notification.pointee.extra))
      PQfreemem(notification)
    }
  }
}
