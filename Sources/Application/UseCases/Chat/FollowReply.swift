import Domain
import FoundationEssentials
import Synchronization

/// Reads a resumable reply from the log to its end, as it is written.
struct FollowReply: Sendable {
  /// The most events that are read at once.
  static let pageSize = 256

  let log: any ReplyLog
  let signals: ReplySignals
  let settings: ReplyDesk.Settings
  let makeID: IDGenerator
  let clock: WallClock

  /// Takes the place of whoever reads the reply, and hands its events on until the last, or until another reader comes.
  ///
  /// - Throws: `.notFound`; `.invalid` when there is no event of the id `last` yet; `.unavailable` when the log does not
  ///   answer.
  func callAsFunction(
    _ reply: MessageID, of owner: Owner, after last: Int, emit: @escaping ChatEmitter
  ) async throws(UseCaseFailure) {
    let reading = Reading(reply: reply, owner: owner, reader: makeID.uuid())
    let count = try await storing("reply") { () async throws(StorageFailure) in
      try await log.attach(reading.reader, to: reply, of: owner, after: last, at: clock.now())
    }
    guard last <= count else {
      throw .invalid("lastEventId is \(last), but the answer has no more than \(count) events so far")
    }
    try await signals.reading(reply) { signal in
      // Whoever has read it so far looks, and finds that it is no longer the reader.
      signal.notify()
      let shared = Shared(last)
      return await withTaskGroup(of: Result<Void, UseCaseFailure>.self) { group in
        group.addTask {
          do throws(UseCaseFailure) {
            return .success(try await handOn(reading, from: last, shared, signal, emit))
          } catch {
            return .failure(error)
          }
        }
        group.addTask {
          await stay(reading, shared, signal)
          return .failure(.cancelled)
        }
        let result = await group.next() ?? .failure(.cancelled)
        group.cancelAll()
        return result
      }
    }.get()
  }

  private struct Reading: Sendable {
    let reply: MessageID
    let owner: Owner
    let reader: UUID
  }

  /// How many events were taken from the log.
  private final class Shared: Sendable {
    private let value: Mutex<Int>
    init(_ value: Int) { self.value = Mutex(value) }
    var seen: Int {
      get { value.withLock { $0 } }
      set { value.withLock { $0 = newValue } }
    }
  }

  private func handOn(
    _ reading: Reading, from first: Int, _ shared: Shared, _ signal: Signal, _ emit: ChatEmitter
  ) async throws(UseCaseFailure) {
    var last = first
    while true {
      let generation = signal.generation
      let page = try await storing("reply") { () async throws(StorageFailure) in
        try await read(reading, after: last, limit: Self.pageSize)
      }
      guard let page else { return }
      for event in page.events {
        last += 1
        shared.seen = last
        try await emit(event)
        if event.isLast { return }
      }
      guard page.events.isEmpty else { continue }
      guard let writerSeenAt = page.writerSeenAt else { return }
      if isSilent(writerSeenAt) {
        try await declareDead(reading, count: page.count)
        continue
      }
      guard !Task.isCancelled else { throw .cancelled }
      await signal.wait(since: generation)
    }
  }

  /// Says that the reader is there, however long the client takes, and wakes it where no signal came from the process
  /// that writes or that took over.
  private func stay(_ reading: Reading, _ shared: Shared, _ signal: Signal) async {
    while !Task.isCancelled {
      do { try await Task.sleep(for: settings.readerInterval) } catch { return }
      do throws(StorageFailure) {
        let page = try await read(reading, after: shared.seen, limit: 0)
        let isOver = page?.writerSeenAt.map(isSilent) ?? true
        if isOver || (page?.count ?? 0) > shared.seen { signal.notify() }
      } catch {
        // The reading itself will meet the same, and tells the client.
        signal.notify()
      }
    }
  }

  private func read(
    _ reading: Reading, after last: Int, limit: Int
  ) async throws(StorageFailure) -> ReplyPage? {
    try await log.read(
      reading.reply, of: reading.owner, by: reading.reader, after: last, limit: limit, at: clock.now(),
      keepFor: settings.window)
  }

  private func isSilent(_ writerSeenAt: Date) -> Bool {
    clock.now().timeIntervalSince(writerSeenAt) > settings.writerSilence
  }

  /// Writes the end of a reply whose writer is dead, so that every later reader sees the same one.
  private func declareDead(_ reading: Reading, count: Int) async throws(UseCaseFailure) {
    let end = ChatEvent.failed(.unavailable("the process that wrote the answer has ended; ask again"))
    do throws(StorageFailure) {
      try await log.append([end], first: count + 1, to: reading.reply, of: reading.owner)
    } catch {
      // Somebody else was faster: another reader, or the writer after all.
      if case .conflict = error { return }
      throw UseCaseFailure(error, "reply")
    }
  }
}
