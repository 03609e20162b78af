import Application

/// Listens to channels on a connection of its own and connects again whenever that ends.
///
/// Notifications are hints: what is sent while the listener is not connected is lost, so whoever waits looks again at
/// each ``Event/connected``, and polls besides. Behind a pooler in transaction mode notifications do not arrive; the
/// listener says so and does nothing more.
package struct PostgresListener: Sendable {
  /// What the listener tells.
  package enum Event: Hashable, Sendable {
    /// From now on notifications arrive; some may have been missed before.
    case connected
    /// A notification came.
    case notification(channel: String, payload: String)
    /// The listener has no connection and is trying again; told once, not for every attempt.
    case disconnected(reason: String)
    /// The connection goes through a pooler: nothing will come, only polling helps.
    case pollingOnly
  }

  private let configuration: PostgresConfiguration
  private let channels: [String]
  private let diagnostics: PostgresDiagnostics

  /// Makes a listener, which does nothing yet; the names of the channels are SQL identifiers and never from a user.
  package init(
    configuration: PostgresConfiguration, channels: [String], diagnostics: @escaping PostgresDiagnostics = { _ in }
  ) {
    self.configuration = configuration
    self.channels = channels
    self.diagnostics = diagnostics
  }

  /// How many events wait for a reader; of more than these the oldest are dropped, as any one of them says to look.
  package static let maximumWaiting = 256

  /// Listens for as long as somebody reads the events.
  package var events: AsyncStream<Event> {
    AsyncStream(bufferingPolicy: .bufferingNewest(Self.maximumWaiting)) { continuation in
      let task = Task {
        await run { continuation.yield($0) }
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  /// Listens until the task is cancelled.
  ///
  /// - Parameter receive: called for each event, one after the other, on any thread; it must not block.
  package func run(_ receive: @escaping @Sendable (Event) -> Void) async {
    var failures = 0
    while !Task.isCancelled {
      do {
        try await listen(receive, onConnected: { failures = 0 })
        return
      } catch is CancellationError {
        return
      } catch {
        if failures == 0 { receive(.disconnected(reason: Self.words(for: error))) }
      }
      failures += 1
      // 0.1 s to 5 s, so that who waits is woken again soon after a restart of the server.
      let pause = min(0.05 * Double(1 << min(failures, 7)), 5) * Double.random(in: 0.75...1)
      do { try await Task.sleep(for: .seconds(pause)) } catch { return }
    }
  }

  /// Listens until the connection ends, which it throws; returns behind a pooler, when the task is cancelled.
  private func listen(_ receive: @escaping @Sendable (Event) -> Void, onConnected: () -> Void) async throws {
    let (ends, end) = AsyncStream.makeStream(of: Void.self)
    let connection = PostgresConnection(
      configuration: configuration,
      diagnostics: diagnostics,
      onNotification: { receive(.notification(channel: $0, payload: $1)) },
      onEnd: { _ in end.finish() }
    )
    try await connection.open()
    if await connection.isThroughPooler {
      await connection.close()
      receive(.pollingOnly)
      // Nobody yields or finishes this one: it ends with the task.
      for await _ in AsyncStream<Void>(unfolding: { await Self.cancellation() }) {}
      return
    }
    do {
      for channel in channels { try await connection.execute("LISTEN \(raw: Self.quoted(channel))") }
      onConnected()
      receive(.connected)
      try await watch(connection, ends)
      throw PostgresConnectionFailure.lost(.beforeSending)
    } catch {
      await connection.close()
      throw error
    }
  }

  /// Returns when the connection has ended. A connection that nothing is sent on may be dropped on the way without a
  /// word, so the server is asked now and then.
  private func watch(_ connection: PostgresConnection, _ ends: AsyncStream<Void>) async throws {
    try await withThrowingTaskGroup { group in
      group.addTask {
        for await _ in ends {}
        try Task.checkCancellation()
      }
      group.addTask {
        repeat { try await Task.sleep(for: .seconds(Self.checkInterval)) } while await connection.isAlive(within: 5)
      }
      try await group.next()
      group.cancelAll()
    }
  }

  private static let checkInterval = 30.0

  private static func cancellation() async -> Void? {
    // It ends by being cancelled, whatever else it might throw.
    do { try await Task.sleep(for: .seconds(86400)) } catch { return nil }
    return ()
  }

  private static func words(for error: any Error) -> String {
    if case .unavailable(let words) = StorageFailure(error) { words } else { "the database refused to listen" }
  }

  private static func quoted(_ name: String) -> String {
    "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
