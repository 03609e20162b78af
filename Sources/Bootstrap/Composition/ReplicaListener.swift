import Application
import Domain
import Logging
import PostgresStorage
import ServiceLifecycle

/// Hears what other replicas do: a job that they queued wakes the workers of this process, a reply that they wrote, read or
/// want to be cancelled its readers and its writer.
struct ReplicaListener: Service {
  let listener: PostgresListener
  let signal: Signal
  let desk: ReplyDesk
  let logger: Logger

  /// Listens until the server stops. While the database cannot be heard all look by themselves: the workers every
  /// ``IngestionWorkers/pollInterval``, readers and writers as ``ReplyDesk/Settings`` says.
  func run() async throws {
    await cancelWhenGracefulShutdown {
      await listener.run { event in
        switch event {
        case .notification(PostgresReplyLog.channel, let reply): desk.heard(of: MessageID(reply))
        case .notification: signal.notify()
        case .connected:
          logger.debug("listening to other replicas")
          // What happened meanwhile was not heard.
          signal.notify()
          desk.heard(of: nil)
        case .disconnected(let reason):
          logger.warning("not listening to other replicas; trying again", metadata: ["reason": "\(reason)"])
        case .pollingOnly:
          logger.info("a pooler is between this server and the database: it looks by itself for what others did")
        }
      }
    }
  }
}
