import Application
import Logging
import PostgresStorage
import ServiceLifecycle

/// Wakes the workers of this process when another one has queued a job.
struct JobListener: Service {
  let listener: PostgresListener
  let signal: Signal
  let logger: Logger

  /// Listens until the server stops. While the database cannot be heard the workers look by themselves, every
  /// ``IngestionWorkers/pollInterval``.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await listener.run { event in
        switch event {
        case .notification: signal.notify()
        case .connected:
          logger.debug("listening for jobs of other replicas")
          // What was queued meanwhile was not heard.
          signal.notify()
        case .disconnected(let reason):
          logger.warning("not listening for jobs of other replicas; trying again", metadata: ["reason": "\(reason)"])
        case .pollingOnly:
          logger.info("a pooler is between this server and the database: workers look for jobs by themselves")
        }
      }
    }
  }
}
