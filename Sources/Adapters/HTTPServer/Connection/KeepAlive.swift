import NIOCore
import Synchronization

/// Has streams that are silent say that they live: one timer for all of an event loop, since one of each would take more of
/// it than many a stream.
final class KeepAlive: Sendable {
  private let interval: TimeAmount
  /// The streams by event loop; there is a timer where there is an entry.
  private let streams = Mutex<[ObjectIdentifier: [ObjectIdentifier: CompletionExchange]]>([:])

  /// - Parameter interval: the longest silence.
  init(every interval: Duration) { self.interval = .nanoseconds(Int64(interval / .nanoseconds(1))) }

  /// Looks after a stream until ``end(_:)``.
  func begin(_ stream: CompletionExchange, on eventLoop: any EventLoop) {
    let isFirst = streams.withLock { streams in
      let isFirst = streams[ObjectIdentifier(eventLoop)] == nil
      streams[ObjectIdentifier(eventLoop), default: [:]][ObjectIdentifier(stream)] = stream
      return isFirst
    }
    if isFirst { look(on: eventLoop) }
  }

  /// The stream has ended; one that was never begun is no failure.
  func end(_ stream: CompletionExchange) {
    streams.withLock { streams in
      for eventLoop in streams.keys { streams[eventLoop]?[ObjectIdentifier(stream)] = nil }
    }
  }

  /// It looks four times an interval, so that no silence is much longer than it.
  private func look(on eventLoop: any EventLoop) {
    eventLoop.scheduleTask(in: .nanoseconds(interval.nanoseconds / 4)) { [self] in
      let here: [CompletionExchange] = streams.withLock { streams in
        guard let here = streams[ObjectIdentifier(eventLoop)], !here.isEmpty else {
          streams[ObjectIdentifier(eventLoop)] = nil
          return []
        }
        return Array(here.values)
      }
      guard !here.isEmpty else { return }
      for stream in here { stream.beat(after: .nanoseconds(interval.nanoseconds / 4 * 3)) }
      look(on: eventLoop)
    }
  }
}
